// A layer: its shapes, its parameters, and its forward and backward passes. A layer may be used by
// several networks, and several times in one; the values of a pass are kept in the run's arena.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/fork_lock.h"
#include "core/random_streams.h"
#include "core/registry.h"
#include "kernels/activations.h"
#include "products/grouped.h"

namespace gatewise {

// Settings of one run that layers read.
struct Step {
  bool training = false;
  std::uint64_t number = 0;  // count of earlier steps of the trainer
  // Count of earlier nodes with the same layer; each node draws its own random numbers.
  std::uint64_t occurrence = 0;
  // If false, a training pass has the routing of a prediction.
  bool draws_noise = true;

  std::uint64_t stream(std::uint64_t layer_stream) const {
    return occurrence_stream(layer_stream, occurrence);
  }
};

// The output rows of a layer, [count, width] with `stride`. `data` is writable; it is null if the
// layer did not allocate the rows.
struct Output {
  Input rows;
  float* data = nullptr;
  Index stride = 0;
  Index count = 0;
};

// Target rows of an output in training, for a loss that compares it with rows of values.
struct Expected {
  const float* values = nullptr;   // rows of the output's width
  const float* weights = nullptr;  // one for `rows_per_weight` rows, or null: all 1
  const Index* index = nullptr;    // null: row i
  Index rows_per_weight = 1;

  Index row_index(Index i) const { return index ? index[i] : i; }
  const float* row(Index i, Index width) const { return values + row_index(i) * width; }
  float weight(Index i) const { return weights ? weights[row_index(i) / rows_per_weight] : 1.0f; }
};

struct ForwardPass {
  const Input* inputs = nullptr;      // as many as the layer was built for
  const Index* input_rows = nullptr;  // the row count of each
  Index rows = 0;                     // of the first input
  Index samples = 0;                  // consecutive rows, as many for each, are those of a sample
  Step step;
  Arena* arena = nullptr;
  // If true, the loss reads pre-activations and the layer omits its activation.
  bool skip_activation = false;
  const Expected* expected = nullptr;  // null if this is no output of the model

  Output output;          // set by the layer
  void* saved = nullptr;  // set by the layer: what its backward reads
  double loss = 0;        // the layer adds its own losses

  // For layers whose samples have `expected` rows.
  void check_sample_rows(Index expected) const {
    require(rows == samples * expected, "x: expected samples of ", expected, " rows, got ",
            rows / std::max<Index>(samples, 1));
  }

  // Allocates an output with `width` values per row, as many rows as the first input.
  float* take_output(Index width) { return take_output(width, rows); }

  float* take_output(Index width, Index count) {
    output.stride = round_up(width, kPanelWidth);
    output.data = arena->take<float>(count * output.stride);
    output.rows = {.dense = {output.data, output.stride}, .width = width};
    output.count = count;
    return output.data;
  }
};

// Where to write (or with `accumulate` add) the gradient of one input; data is null if it is not
// needed.
struct GradientSlot {
  float* data = nullptr;
  Index stride = 0;
  bool accumulate = false;

  void put(Index row, Index column, float value) const {
    float& to = data[row * stride + column];
    to = accumulate ? to + value : value;
  }

  // Prepares rows [begin, end) of `width` values for sums that are added to them.
  void start_rows(Index begin, Index end, Index width) const {
    if (accumulate) return;
    for (Index row = begin; row < end; ++row) std::fill_n(data + row * stride, width, 0.0f);
  }
};

struct BackwardPass {
  const Input* inputs = nullptr;
  const Index* input_rows = nullptr;
  const Output* output = nullptr;
  Index rows = 0;  // of the first input
  Index samples = 0;
  Step step;
  Arena* arena = nullptr;
  bool skip_activation = false;
  void* saved = nullptr;

  float* d_output = nullptr;  // [output->count, width], may be overwritten
  Index d_output_stride = 0;
  GradientSlot* d_inputs = nullptr;
  UpdateSink* sink = nullptr;  // null: parameters are frozen
};

// Access to a layer: any number of readers, or one thread that trains.
class LayerAccess {
 public:
  void begin_read();
  void end_read();
  void begin_fit();
  void end_fit();

  // For a short write from outside. Throws Busy while another thread reads or trains; both wait
  // while the lock is held.
  std::unique_lock<ForkSafeMutex> lock_for_write();

 private:
  // Threads that used the layer when the process forked do not exist in the child.
  void reset_after_fork();

  ForkSafeMutex mutex_;
  int readers_ = 0;
  std::thread::id fitting_;
  int forks_ = fork_count();
};

// Claims a LayerAccess, or a network with all its layers, for reading during a scope.
template <typename Access>
class ReadClaim {
 public:
  explicit ReadClaim(Access& access) : access_(access) { access_.begin_read(); }
  ~ReadClaim() { access_.end_read(); }
  ReadClaim(const ReadClaim&) = delete;
  ReadClaim& operator=(const ReadClaim&) = delete;

 private:
  Access& access_;
};

// Stored arrays in natural order, by parameter name.
using StoredValues = std::map<std::string, const void*>;

class Layer {
 public:
  virtual ~Layer() = default;

  // Sets the input widths and allocates the parameters, which are zero except for `start_values`.
  // Throws, before it allocates, if they have more than `max_values` values.
  void build(const std::vector<Index>& input_widths, Index max_values = kMaxFloats);
  bool is_built() const { return built_; }
  const std::vector<Index>& input_widths() const { return input_widths_; }
  Index output_width() const { return output_width_; }

  virtual void forward(ForwardPass& pass) const = 0;
  // Writes the parameters through `pass.sink`; without one it only reads them.
  virtual void backward(BackwardPass& pass) = 0;

  // Updates the parameters for which `backward` only measured the gradient.
  virtual void update_measured(void* /*saved*/, UpdateSink&, Arena&) {}

  // Called after a training step. `updated`: its gradients were applied; otherwise they only were
  // added to those of earlier steps, and parameters are as before.
  virtual void finish_step(void* /*saved*/, bool /*updated*/) {}

  // Called after trained parameters were replaced by averages of theirs, for the parameters that
  // follow others. `kept`: they stay, so that what updates keep true of them is restored too.
  virtual void finish_replacement(bool /*kept*/) {}

  // The layer's last activation, which a loss may compute instead.
  virtual Activation output_activation() const { return Activation::kLinear; }
  virtual void set_output_activation(Activation) {
    require(false, "activation: expected a layer with an activation");
  }

  // Throws if stored values of the right types and shapes are inconsistent.
  virtual void check_stored(const StoredValues&) const {}

  // Row count of each expert, or of each latent in whose code it is active, in training steps since
  // the last reset; null for other layers.
  virtual std::vector<Index>* training_load() { return nullptr; }

  // How many members of an ensemble the layer computes; the rows of a pass are then theirs, see
  // training/network.h.
  virtual Index members() const { return 1; }

  // Whether the layer reads CSR rows.
  virtual bool reads_sparse() const { return false; }

  // Whether the layer reads rows of integers.
  virtual bool reads_integers() const { return false; }

  // Whether an output row depends on several rows of its sample, or a sample's row count changes.
  // All other layers map row i of their inputs to row i of their output.
  virtual bool reads_whole_samples() const { return false; }

  ParameterBlock& parameters() { return block_; }
  const ParameterBlock& parameters() const { return block_; }
  LayerAccess& access() { return access_; }

  // Random numbers drawn in forward passes use the streams of layer `index` of a model, one per
  // step if needed; see core/random_streams.h.
  void set_random_stream(std::uint64_t seed, std::uint64_t index) {
    seed_ = seed;
    stream_ = layer_stream(index);
  }

  // Call this after every write of values from outside.
  void notify_write() {
    ++writes;
    update_derived_values();
  }

  bool trainable = true;
  // Count of writes, from outside and by training steps. When it changes, values derived from the
  // parameters are recomputed.
  std::uint64_t writes = 0;

 protected:
  // Declares parameters for `input_widths` in `block_` and returns the output width.
  virtual Index declare(const std::vector<Index>& input_widths) = 0;

  // Sets how the kernels that `declare` adds are stored and multiplied, from the options `storage`
  // and, for int4, `block_size`; float32 if there is none; and from `products`.
  void set_kernel_storage(const Options& options);

  // Sets the parameters that do not start as zero.
  virtual void start_values() {}

  // Recomputes the values that the layer derives from its parameters.
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
