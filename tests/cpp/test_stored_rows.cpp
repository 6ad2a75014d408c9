#include "kernels/stored_rows.h"

#include "kernels/pack.h"
#include "kernels/quantized_pack.h"
#include "kernels/rows.h"
#include "kernels/weighted_rows.h"
#include "quantized.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// A matrix stored in fewer bytes, and the float32 values that it stands for.
struct Stored {
  PanelShape shape;
  Storage storage;
  Layout layout;
  AlignedBuffer values;
  std::vector<float> scale, widened;

  Stored(PanelShape shape, Storage storage, Layout layout, std::uint64_t seed)
      : shape(shape),
        storage(storage),
        layout(layout),
        values(layout == Layout::kRows ? shape.rows * row_floats(storage, shape.cols)
                                       : panel_floats(storage, shape)),
        scale(static_cast<std::size_t>(std::max(shape.rows, shape.cols))),
        widened(static_cast<std::size_t>(shape.rows * shape.cols)) {
    RandomGenerator rng(seed);
    const std::vector<float> source = rng.vector(shape.rows * shape.cols);
    const StoredShape stored{shape, layout};
    if (storage == Storage::kBfloat16) {
      auto* to = reinterpret_cast<std::uint16_t*>(values.data());
      quantize_bfloat16(source.data(), stored, to);
      dequantize_bfloat16(to, stored, widened.data());
    } else {
      auto* to = reinterpret_cast<std::uint8_t*>(values.data());
      quantize_int8(source.data(), stored, to, scale.data());
      dequantize_int8(to, scale.data(), stored, widened.data());
    }
  }

  StoredRows rows() const {
    return {values.data(), round_up(shape.cols, kPanelWidth), shape.cols, storage, scale.data()};
  }
  // The same rows in float32, padded with zeros.
  std::vector<float> padded() const {
    const Index stride = round_up(shape.cols, kPanelWidth);
    std::vector<float> all(static_cast<std::size_t>(shape.rows * stride), 0.0f);
    for (Index i = 0; i < shape.rows; ++i)
      std::copy_n(widened.data() + i * shape.cols, shape.cols, all.data() + i * stride);
    return all;
  }
};

}  // namespace

TEST_CASE("a row in fewer bytes is stored with its own scale, and padded with zeros") {
  for (const Index cols : {1, 15, 16, 17, 70}) {
    RandomGenerator rng(static_cast<std::uint64_t>(cols));
    const PanelShape shape{5, cols};
    std::vector<float> source = rng.vector(5 * cols), scale(5), dequantized(source.size());
    std::fill_n(source.begin(), cols, 0.0f);  // a row of zeros
    std::vector<std::uint8_t> stored(
        static_cast<std::size_t>(4 * 5 * row_floats(Storage::kInt8, cols)), 77);
    const StoredShape by_rows{shape, Layout::kRows};
    quantize_int8(source.data(), by_rows, stored.data(), scale.data());
    const Index stride = round_up(cols, kPanelWidth);
    for (Index i = 0; i < 5; ++i) {
      float largest = 0;
      for (Index j = 0; j < cols; ++j) largest = std::max(largest, std::fabs(source[i * cols + j]));
      CHECK(scale[i] == largest / 127.0f);
      for (Index j = 0; j < stride; ++j) {
        const double whole =
            j < cols && i > 0 ? std::nearbyint(source[i * cols + j] / scale[i]) : 0;
        CHECK(stored[i * stride + j] == 128 + whole);
      }
    }
    dequantize_int8(stored.data(), scale.data(), by_rows, dequantized.data());
    for (Index at = 0; at < 5 * cols; ++at)
      CHECK(std::fabs(dequantized[at] - source[at]) <= 0.501f * scale[at / cols]);
    std::vector<std::int8_t> natural(source.size());
    unpack_int8(stored.data(), by_rows, natural.data());
    std::vector<std::uint8_t> again(stored.size(), 77);
    pack_int8(natural.data(), by_rows, again.data());
    CHECK(again == stored);
  }
}

TEST_CASE("stored rows are read as their float32 values, bit for bit") {
  for (const Storage storage : {Storage::kBfloat16, Storage::kInt8})
    for (const Index width : {1, 16, 17, 63, 64, 65, 200}) {
      const Stored stored({9, width}, storage, Layout::kRows, static_cast<std::uint64_t>(width));
      const StoredRows w = stored.rows();
      const std::vector<float> padded = stored.padded();
      RandomGenerator rng(7);
      const std::vector<float> start = rng.vector(width), weights = rng.vector(5);
      const std::vector<std::int32_t> rows{3, 0, 8, 3, 5};
      AlignedBuffer row(w.stride);
      for (Index i = 0; i < 9; ++i) {
        widen_row(w, i, row.data());
        CHECK(std::equal(row.data(), row.data() + w.stride, padded.data() + i * w.stride));
        CHECK(stored_row(w, i, row.data()) == row.data());
      }
      std::vector<float> found(start), expected(start);
      add_scaled_row(w, 4, -0.7f, found.data());
      add_scaled(padded.data() + 4 * w.stride, -0.7f, expected.data(), width);
      CHECK(found == expected);
      for (const Index count : {0, 1, 5}) {
        weighted_rows(w, rows.data(), weights.data(), count, start.data(), found.data());
        weighted_rows(padded.data(), w.stride, rows.data(), weights.data(), count, start.data(),
                      expected.data(), width);
        CHECK(found == expected);
      }
    }
}

TEST_CASE("stored panels are widened to the panels of their float32 values") {
  for (const Storage storage : {Storage::kBfloat16, Storage::kInt8})
    for (const Index rows : {1, 3, 4, 9})
      for (const Index cols : {1, 13, 16, 33, 70}) {
        const PanelShape shape{rows, cols};
        const Stored stored(shape, storage, Layout::kPanels,
                            static_cast<std::uint64_t>(100 * rows + cols));
        const StoredPanels w{stored.values.data(), shape, storage, stored.scale.data()};
        AlignedBuffer expected(shape.floats());
        pack_panels(stored.widened.data(), shape, expected.data());
        for (Index begin = 0; begin < shape.panels(); ++begin) {
          const Index floats = (shape.panels() - begin) * rows * kPanelWidth;
          std::vector<float> found(static_cast<std::size_t>(floats), 7.0f);
          widen_panels(w, begin, shape.panels(), found.data());
          const Panels all{found.data(), shape, begin};
          const Panels same{expected.data(), shape};
          for (Index p = begin; p < shape.panels(); ++p)
            CHECK(std::equal(all.panel(p), all.panel(p) + rows * shape.stride(p), same.panel(p)));
        }
      }
}
