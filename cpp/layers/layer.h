// A layer: its shapes, its parameters, and its pass forward and back. One layer may stand in
// several networks, and several times in one; what a pass leaves behind lies in the run's arena.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/registry.h"
#include "kernels/activations.h"
#include "products/grouped.h"

namespace gatewise {

// What one run tells every layer.
struct Step {
  bool training = false;
  std::uint64_t number = 0;  // steps that the trainer has made before this one
  // How many nodes before this one hold the same layer; each draws numbers of its own.
  std::uint64_t occurrence = 0;

  std::uint64_t stream(std::uint64_t layer_stream) const {
    return layer_stream + (occurrence << 32);
  }
};

// The output rows of a layer, [rows, width] with `stride`; `data` is writable where the layer took
// it.
struct Output {
  Input rows;
  float* data = nullptr;
  Index stride = 0;
};

// What an output is compared with in training, where the loss compares it with rows of values.
struct Expected {
  const float* values = nullptr;   // rows of the output's width
  const float* weights = nullptr;  // one for each sample, or null: 1
  const Index* index = nullptr;    // null: row i
  Index rows_per_sample = 1;

  Index row_index(Index i) const { return index ? index[i] : i; }
  const float* row(Index i, Index width) const { return values + row_index(i) * width; }
  float weight(Index i) const { return weights ? weights[row_index(i) / rows_per_sample] : 1.0f; }
};

struct ForwardPass {
  const Input* inputs = nullptr;  // as many as the layer was built for
  Index rows = 0;
  Step step;
  Arena* arena = nullptr;
  // The loss reads pre-activations: leave the output's activation out.
  bool skip_activation = false;
  const Expected* expected = nullptr;  // null where the output is no output of the model

  Output output;          // to be set
  void* saved = nullptr;  // to be set: what the layer's own backward reads
  double loss = 0;        // to be added to: losses of the layer itself

  // Sets a fresh output of `width` values a row.
  float* take_output(Index width) {
    output.stride = round_up(width, kPanelWidth);
    output.data = arena->take<float>(rows * output.stride);
    output.rows = {.dense = {output.data, output.stride}, .width = width};
    return output.data;
  }
};

// The gradient of one input: where to write or add it; data is null where nobody asks for it.
struct GradientSlot {
  float* data = nullptr;
  Index stride = 0;
  bool accumulate = false;
};

struct BackwardPass {
  const Input* inputs = nullptr;
  const Output* output = nullptr;
  Index rows = 0;
  Step step;
  Arena* arena = nullptr;
  bool skip_activation = false;
  void* saved = nullptr;

  float* d_output = nullptr;  // [rows, width], may be overwritten
  Index d_output_stride = 0;
  GradientSlot* d_inputs = nullptr;
  UpdateSink* sink = nullptr;  // null: parameters are frozen
};

// Who is at work on a layer: any number of readers, or one thread that trains.
class LayerAccess {
 public:
  void begin_read();
  void end_read();
  void begin_fit();
  void end_fit();

  // For a short write from outside: refused while another thread reads or trains; holds off both.
  std::unique_lock<std::mutex> lock_for_write();

 private:
  // The threads that were at work when a process forked do not exist in the child.
  void reset_after_fork();

  std::mutex mutex_;
  int readers_ = 0;
  std::thread::id fitting_;
  int forks_ = fork_count();
};

class ReadClaim {
 public:
  explicit ReadClaim(LayerAccess& access) : access_(access) { access_.begin_read(); }
  ~ReadClaim() { access_.end_read(); }
  ReadClaim(const ReadClaim&) = delete;
  ReadClaim& operator=(const ReadClaim&) = delete;

 private:
  LayerAccess& access_;
};

// Arrays as they are stored, in natural order, by the names of the parameters they are for.
using StoredValues = std::map<std::string, const void*>;

class Layer {
 public:
  virtual ~Layer() = default;

  // Fixes the input widths and allocates the parameters, zero but for `start_values`.
  void build(const std::vector<Index>& input_widths);
  bool is_built() const { return built_; }
  const std::vector<Index>& input_widths() const { return input_widths_; }
  Index output_width() const { return output_width_; }

  virtual void forward(ForwardPass& pass) const = 0;
  virtual void backward(BackwardPass& pass) const = 0;

  // The updates of parameters whose gradients `backward` has only measured.
  virtual void update_measured(void* /*saved*/, UpdateSink&, Arena&) const {}

  // After the updates of a training step.
  virtual void finish_step(void*) {}

  // The activation that ends the layer, which a loss may want to take over.
  virtual Activation output_activation() const { return Activation::kLinear; }

  // Throws where stored values of the right types and shapes do not fit together.
  virtual void check_stored(const StoredValues&) const {}

  // Whether CSR rows are read as they are.
  virtual bool reads_sparse() const { return false; }

  ParameterBlock& parameters() { return block_; }
  const ParameterBlock& parameters() const { return block_; }
  LayerAccess& access() { return access_; }

  // The numbers that the layer draws as it runs: streams from (stream + 1) 2^40 on, one a step
  // where it needs that many. First weights and shuffles have the streams below.
  void set_random_stream(std::uint64_t seed, std::uint64_t stream) {
    seed_ = seed;
    stream_ = (stream + 1) << 40;
  }

  // To be called after every write of values from outside.
  void notify_write() {
    ++writes;
    update_derived_values();
  }

  bool trainable = true;
  // Counts writes, from outside and by training steps, so that what was derived from the values can
  // be made anew.
  std::uint64_t writes = 0;

 protected:
  // Declares parameters for `input_widths` in `block_` and returns the output width.
  virtual Index declare(const std::vector<Index>& input_widths) = 0;

  // Sets those that must not start as zero.
  virtual void start_values() {}

  // Makes anew what the layer keeps that is derived from its parameters.
  virtual void update_derived_values() {}

  ParameterBlock block_;
  std::uint64_t seed_ = 0;
  std::uint64_t stream_ = 0;

 private:
  std::vector<Index> input_widths_;
  Index output_width_ = 0;
  bool built_ = false;
  LayerAccess access_;
};

}  // namespace gatewise
