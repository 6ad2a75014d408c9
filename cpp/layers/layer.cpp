#include "layers/layer.h"

namespace gatewise {
void LayerAccess::reset_after_fork() {
  if (forks_ == fork_count()) return;
  forks_ = fork_count();
  readers_ = 0;
  fitting_ = std::thread::id();
}

std::unique_lock<ForkSafeMutex> LayerAccess::lock_for_write() {
  std::unique_lock lock(mutex_);
  reset_after_fork();
  const bool own_fit = fitting_ == std::this_thread::get_id();
  if (readers_ > 0 || (fitting_ != std::thread::id() && !own_fit))
    throw Busy("set_weights: another call on this model is running");
  return lock;
}

void LayerAccess::begin_read() {
  const std::lock_guard lock(mutex_);
  reset_after_fork();
  if (fitting_ != std::thread::id() && fitting_ != std::this_thread::get_id())
    throw Busy("predict: another thread is training this model");
  ++readers_;
}

void LayerAccess::end_read() {
  const std::lock_guard lock(mutex_);
  --readers_;
}

void LayerAccess::begin_fit() {
  const std::lock_guard lock(mutex_);
  reset_after_fork();
  if (fitting_ != std::thread::id()) throw Busy("fit: this model is being trained already");
  if (readers_ > 0) throw Busy("fit: another call on this model is running");
  fitting_ = std::this_thread::get_id();
}

void LayerAccess::end_fit() {
  const std::lock_guard lock(mutex_);
  fitting_ = std::thread::id();
}

void Layer::build(const std::vector<Index>& input_widths, Index max_values) {
  require(!built_, "build: this layer is built already");
  for (const Index width : input_widths)
    require(width >= 1 && width <= kMaxSize, "build: expected input widths from 1 to ", kMaxSize,
            ", got ", width);
  output_width_ = declare(input_widths);
  require(output_width_ <= kMaxSize, "build: expected an output of at most ", kMaxSize,
          " values, got ", output_width_);
  require(block_.values() <= max_values, "build: expected at most ", max_values,
          " values of parameters, got ", block_.values());
  block_.allocate();
  start_values();
  input_widths_ = input_widths;
  built_ = true;
}

void Layer::set_kernel_storage(const Options& options) {
  const std::string products = options.text_or("products", "float32");
  require(products == "float32" || products == "bfloat16",
          "products: expected float32 or bfloat16, got ", products);
  if (products == "bfloat16") block_.keep_bfloat16_copies();
  const Storage storage = storage_from_name(options.text_or("storage", "float32"));
  if (storage != Storage::kInt4) return block_.store_kernels_as(storage);
  const Index block_rows = options.integer("block_size");
  require(block_rows >= 8 && block_rows % 8 == 0, "block_size: expected a multiple of 8, got ",
          block_rows);
  block_.store_kernels_as(storage, block_rows);
}

}  // namespace gatewise
