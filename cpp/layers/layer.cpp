#include "layers/layer.h"

namespace gatewise {

void LayerUse::begin_read() {
  const std::lock_guard lock(mutex_);
  if (fitting_ != std::thread::id() && fitting_ != std::this_thread::get_id())
    throw Busy("predict: another thread is training this model");
  ++readers_;
}

void LayerUse::end_read() {
  const std::lock_guard lock(mutex_);
  --readers_;
}

void LayerUse::begin_fit() {
  const std::lock_guard lock(mutex_);
  if (fitting_ != std::thread::id()) throw Busy("fit: this model is being trained already");
  if (readers_ > 0) throw Busy("fit: another call on this model is running");
  fitting_ = std::this_thread::get_id();
}

void LayerUse::end_fit() {
  const std::lock_guard lock(mutex_);
  fitting_ = std::thread::id();
}

void Layer::build(const std::vector<Index>& input_widths) {
  require(!built_, "build: this layer is built already");
  for (const Index width : input_widths)
    require(width >= 1, "build: expected input widths of at least 1, got ", width);
  output_width_ = declare(input_widths);
  block_.allocate();
  input_widths_ = input_widths;
  built_ = true;
}

}  // namespace gatewise
