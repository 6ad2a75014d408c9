// Each value of an output sample is one value of the input sample, or 0: a reshape, a permutation
// of axes, a slice, repeated or padded axes. Output value (i_1, i_2, ...) of axes `sizes` is input
// value offset + sum_a j_a strides_a of the sample, whose values are counted row by row, with
//   j_a = (i_a - before_a) / repeats_a, rounded down;
// and 0 if a j_a is not in [0, limits_a).
#include <algorithm>
#include <limits>

#include "kernels/rows.h"
#include "layers/layer.h"
#include "layers/shapes/sizes_option.h"

namespace gatewise {
namespace {

// In place of the index of an input value: the output is 0.
constexpr Index kZero = std::numeric_limits<Index>::min();

// Consecutive values in a row of the input that are consecutive in a row of the output too.
struct Segment {
  Index row, column, to_row, to_column, length;
};

class Rearrange final : public Layer {
 public:
  explicit Rearrange(const Options& options)
      : offset_(options.integer("offset")),
        width_(options.integer("width")),
        sizes_(sizes_from(options, "sizes")),
        strides_(sizes_from(options, "strides")),
        before_(sizes_from(options, "before")),
        repeats_(sizes_from(options, "repeats")),
        limits_(sizes_from(options, "limits")) {
    rows_ = options.integer("rows");
    require(rows_ >= 1 && width_ >= 1, "shape: expected sizes of at least 1");
    for (const auto* each : {&strides_, &before_, &repeats_, &limits_})
      require(sizes_.size() == each->size(),
              "sizes: expected as many as strides, before, repeats "
              "and limits");
    require(std::all_of(repeats_.begin(), repeats_.end(), [](Index each) { return each >= 1; }),
            "repeats: expected at least 1");
  }

  bool reads_whole_samples() const override { return true; }

  void forward(ForwardPass& pass) const override {
    pass.check_sample_rows(rows_);
    const Input& x = pass.inputs[0];
    float* y = pass.take_output(width_, pass.samples * to_rows_);
    const Index stride = pass.output.stride;
    parallel_for(pass.samples, static_cast<double>(to_rows_ * width_), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        if (has_zeros_) std::fill_n(y + i * to_rows_ * stride, to_rows_ * stride, 0.0f);
        for (const Segment& s : segments_)
          std::copy_n(x.dense.row(i * rows_ + s.row) + s.column, s.length,
                      y + (i * to_rows_ + s.to_row) * stride + s.to_column);
      }
    });
  }

  // Values that are read several times get the sum of their gradients, those that are not read 0.
  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const bool adds = slot.accumulate || !reads_each_once_;
    const Index width = pass.inputs[0].width;
    parallel_for(pass.samples, static_cast<double>(to_rows_ * width_), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        if (adds) slot.start_rows(i * rows_, (i + 1) * rows_, width);
        for (const Segment& s : segments_)
          copy_or_add(
              pass.d_output + (i * to_rows_ + s.to_row) * pass.d_output_stride + s.to_column,
              slot.data + (i * rows_ + s.row) * slot.stride + s.column, s.length, adds);
      }
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "expected one input, got ", widths.size());
    const Index width = widths[0], count = rows_ * width;
    std::vector<Index> sources{offset_};
    for (std::size_t axis = 0; axis < sizes_.size(); ++axis) {
      std::vector<Index> next;
      for (const Index source : sources)
        for (Index i = 0; i < sizes_[axis]; ++i) next.push_back(moved(source, axis, i));
      sources = std::move(next);
    }
    const auto total = static_cast<Index>(sources.size());
    require(total >= 1 && total % width_ == 0, "shape: expected rows of ", width_, " values, got ",
            total, " values");
    to_rows_ = total / width_;
    std::vector<char> is_read(static_cast<std::size_t>(count), 0);
    bool repeats = false, goes_on = false;
    for (Index to = 0; to < total; ++to) {
      const Index from = sources[to];
      if (from == kZero) {
        has_zeros_ = true;
        goes_on = false;
        continue;
      }
      require(from >= 0 && from < count, "shape: expected indices below ", count, ", got ", from);
      repeats |= is_read[from] != 0;
      is_read[from] = 1;
      goes_on &= to % width_ != 0 && from % width != 0 && from == sources[to - 1] + 1;
      if (goes_on)
        ++segments_.back().length;
      else
        segments_.push_back({from / width, from % width, to / width_, to % width_, 1});
      goes_on = true;
    }
    reads_each_once_ =
        !repeats && std::all_of(is_read.begin(), is_read.end(), [](char read) { return read; });
    return width_;
  }

 private:
  // Where index i of an axis leads from an input value, or kZero.
  Index moved(Index source, std::size_t axis, Index i) const {
    const Index after = i - before_[axis];
    if (source == kZero || after < 0 || after / repeats_[axis] >= limits_[axis]) return kZero;
    return source + after / repeats_[axis] * strides_[axis];
  }

  Index offset_, width_;  // width_: of the output
  std::vector<Index> sizes_, strides_, before_, repeats_, limits_;
  Index rows_ = 0, to_rows_ = 0;  // of an input and an output sample
  std::vector<Segment> segments_;
  bool reads_each_once_ = false, has_zeros_ = false;
};

const bool registered = Registry<Layer>::add<Rearrange>("rearrange");

}  // namespace
}  // namespace gatewise
