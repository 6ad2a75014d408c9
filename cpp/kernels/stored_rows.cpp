#include "kernels/stored_rows.h"

#include <algorithm>
#include <cstring>

#include "kernels/row_readers.h"

namespace gatewise {
namespace {

// Writes rows of a panel, of 16 floats or fewer in the last one.
class PanelRows {
 public:
  PanelRows(PanelShape shape, Index panel, float* to) : stride_(shape.stride(panel)), to_(to) {}

  void set(Index i, const Vector& values) const {
    if (stride_ == kPanelWidth)
      values.store(to_ + i * kPanelWidth);
    else
      values.store_up_to(to_ + i * stride_, stride_);
  }

 private:
  Index stride_;
  float* to_;
};

void widen_bfloat16_panel(const std::uint16_t* panel, Index rows, const PanelRows& to) {
  for (Index i = 0; i < rows; i += 2) {
    const Bfloat16Pairs pairs = Bfloat16Pairs::load(panel + i * kPanelWidth);
    to.set(i, pairs.low());
    if (i + 1 < rows) to.set(i + 1, pairs.high());
  }
}

// Four rows at a time, which each lane of 32 bits has a byte of.
void widen_int8_panel(const std::uint8_t* panel, Index rows, const Vector& scales,
                      const PanelRows& to) {
  for (Index quad = 0; quad < rows; quad += 4) {
    std::uint32_t bytes[kPanelWidth];
    std::memcpy(bytes, panel + Int8Panels::value_offset(quad, 0), sizeof bytes);
    for (Index i = quad; i < std::min(quad + 4, rows); ++i) {
      alignas(64) float lanes[kPanelWidth];
      for (Index j = 0; j < kPanelWidth; ++j) {
        lanes[j] = static_cast<float>(static_cast<std::int32_t>(bytes[j] & 0xffu) - 128);
        bytes[j] >>= 8;
      }
      to.set(i, Vector::load(lanes) * scales);
    }
  }
}

}  // namespace

void widen_row(const StoredRows& w, Index i, float* to) {
  with_row_reader(w, [&](const auto& reader) {
    for (Index j = 0; j < w.stride; j += kPanelWidth) reader.load(i, j).store(to + j);
  });
}

void widen_panels(const StoredPanels& w, Index begin, Index end, float* to) {
  for (Index p = begin; p < end; ++p) {
    const PanelRows panel(w.shape, p, to + (p - begin) * w.shape.rows * kPanelWidth);
    if (w.storage == Storage::kBfloat16)
      widen_bfloat16_panel(w.bfloat16().panel(p), w.shape.rows, panel);
    else
      widen_int8_panel(w.int8().panel(p), w.shape.rows,
                       Vector::load_up_to(w.scale + p * kPanelWidth, w.shape.width(p)), panel);
  }
}

void add_scaled_row(const StoredRows& w, Index i, float scale, float* y) {
  const Vector factor = Vector::set(scale);
  with_row_reader(w, [&](const auto& reader) {
    for (Index j = 0; j < w.width; j += kPanelWidth) {
      const Index rest = w.width - j;
      fma(factor, reader.load(i, j), Vector::load_up_to(y + j, rest)).store_up_to(y + j, rest);
    }
  });
}

}  // namespace gatewise
