// Conversion of kernels to and from sparse forms, and validation of their arrays.
#include "sparse_kernels.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// The error reported for a kernel's arrays, or "".
std::string flaw_of(const SparseArrays& arrays, SparseForm form, Index inputs, Index units) {
  const SparseWeights<std::int32_t> w{
      .form = form,
      .inputs = inputs,
      .units = units,
      .values = arrays.values.data(),
      .indices = arrays.indices.data(),
      .offsets = arrays.offsets.data(),
      .order = form == SparseForm::kCsr ? arrays.order.data() : nullptr};
  const char* flaw = find_error(w, arrays.steps());
  return flaw ? flaw : "";
}

// 300 units with 40 inputs: two windows.
SparseArrays packed(SparseForm form) {
  RandomGenerator rng(1);
  const Matrix w = sparse_matrix(40, 300, 0.3, rng);
  return form == SparseForm::kCsr ? pack_csr(w.data(), {40, 300})
                                  : pack_blocks(w.data(), {40, 300});
}

}  // namespace

TEST_CASE("both sparse forms restore the kernel and count its nonzeros") {
  for (const SparseForm form : kForms)
    for (const Index units : {1, 15, 16, 17, 255, 256, 257, 530})
      for (const Index depth : {1, 2, 33})
        for (const double density : {0.0, 0.1, 0.6, 1.0}) {
          RandomGenerator rng(static_cast<std::uint64_t>(units * 100 + depth));
          const Matrix w = sparse_matrix(depth, units, density, rng);
          const SparseKernel kernel(w, form);
          std::vector<float> back(static_cast<std::size_t>(depth * units), kCanary);
          read_values(kernel.block, kernel.parameter(), 0, back.data());
          INFO(form_name(form), ", ", depth, " x ", units, ", density ", density);
          CHECK(back == w.values);
          CHECK(count_nonzero(kernel.block, kernel.parameter()) ==
                std::count_if(w.values.begin(), w.values.end(), [](float x) { return x != 0; }));
          CHECK(flaw_of(kernel.arrays, form, depth, units) == "");
        }
}

TEST_CASE("sparse forms store NaN but not minus zero") {
  for (const SparseForm form : kForms) {
    Matrix w(2, 2, 2);
    w.values = {-0.0f, 0, 0, std::nanf("")};
    const SparseKernel kernel(w, form);
    CHECK(kernel.arrays.steps() == 1);
    CHECK(count_nonzero(kernel.block, kernel.parameter()) == 1);
    float back[4];
    read_values(kernel.block, kernel.parameter(), 0, back);
    CHECK(!std::signbit(back[0]));
    CHECK(std::isnan(back[3]));
  }
}

TEST_CASE("csr puts units with similar nonzero counts of a window in one slice") {
  Matrix w(64, 512, 512);
  // Units 0, 2, 4 ... of each window have 64 nonzeros, the others 1: 8 slices of each kind.
  for (Index k = 0; k < 64; ++k)
    for (Index u = 0; u < 512; ++u) w.at(k, u) = u % 2 == 0 || k == 7 ? 1.0f : 0.0f;
  const SparseArrays arrays = pack_csr(w.data(), {64, 512});
  CHECK(arrays.steps() == 2 * 8 * (64 + 1));
  for (Index at = 0; at < 512; ++at) CHECK(arrays.order[at] / kWindow == at / kWindow);
}

TEST_CASE("blocks store each input that any of its 16 units reads") {
  Matrix w(5, 17, 17);
  std::fill(w.values.begin(), w.values.end(), 0.0f);
  w.at(1, 0) = w.at(1, 15) = w.at(4, 3) = 2;
  w.at(0, 16) = 3;
  const SparseArrays arrays = pack_blocks(w.data(), {5, 17});
  CHECK(arrays.indices == std::vector<std::int32_t>{1, 4, 0});
  CHECK(arrays.offsets == std::vector<std::int32_t>{0, 2, 3});
  CHECK(arrays.values[0] == 2);
  CHECK(arrays.values[15] == 2);
  CHECK(arrays.values[16 + 3] == 2);
  CHECK(arrays.values[32] == 3);
  CHECK(std::count(arrays.values.begin(), arrays.values.end(), 0.0f) == 48 - 4);
}

TEST_CASE("invalid offsets are found") {
  const std::string ends = "panel_offsets: expected them to go from 0 to the number of steps";
  for (const SparseForm form : kForms) {
    SparseArrays arrays = packed(form);
    arrays.offsets.front() = 1;
    CHECK(flaw_of(arrays, form, 40, 300) == ends);
    arrays = packed(form);
    ++arrays.offsets.back();
    CHECK(flaw_of(arrays, form, 40, 300) == ends);
    for (const std::int32_t wrong : {-1, 1 << 30}) {
      arrays = packed(form);
      arrays.offsets[5] = wrong;
      CHECK(flaw_of(arrays, form, 40, 300) ==
            "panel_offsets: expected none to be less than the one before");
    }
  }
}

TEST_CASE("column indices out of range or out of order are found") {
  const std::string message = "indices: expected indices of inputs, ascending for each unit";
  for (const SparseForm form : kForms) {
    const bool is_csr = form == SparseForm::kCsr;
    // csr: step 3 of unit 0's lane; blocks: step 3 of its slice.
    const std::size_t at = is_csr ? 3 * 16 : 3, before = is_csr ? 2 * 16 : 2;
    for (const std::int32_t wrong : {-1, 40, 41, 1 << 30}) {
      SparseArrays arrays = packed(form);
      REQUIRE(arrays.values[3 * 16] != 0);
      arrays.indices[at] = wrong;
      CHECK(flaw_of(arrays, form, 40, 300) == message);
    }
    SparseArrays arrays = packed(form);
    arrays.indices[at] = arrays.indices[before];
    CHECK(flaw_of(arrays, form, 40, 300) == message);
  }
}

TEST_CASE("a nonzero after the end of a csr lane is found") {
  Matrix w(3, 2, 2);
  w.values = {1, 2, 1, 0, 1, 0};
  SparseArrays arrays = pack_csr(w.data(), {3, 2});
  CHECK(flaw_of(arrays, SparseForm::kCsr, 3, 2) == "");
  // Unit 1 has one nonzero: its lane is padded with value 0 at input 3.
  CHECK(arrays.indices[2 * 16 + 1] == 3);
  arrays.indices[2 * 16 + 1] = 2;
  arrays.values[2 * 16 + 1] = 5;
  CHECK(flaw_of(arrays, SparseForm::kCsr, 3, 2) != "");
}

TEST_CASE("an order that repeats a unit or leaves its window is found") {
  const std::string message = "column_order: expected every unit once, within 256 of its own index";
  for (const std::int32_t wrong : {-1, 300, 1 << 30}) {
    SparseArrays arrays = packed(SparseForm::kCsr);
    arrays.order[2] = wrong;
    CHECK(flaw_of(arrays, SparseForm::kCsr, 40, 300) == message);
  }
  SparseArrays arrays = packed(SparseForm::kCsr);
  arrays.order[2] = arrays.order[3];
  CHECK(flaw_of(arrays, SparseForm::kCsr, 40, 300) == message);
  arrays = packed(SparseForm::kCsr);
  std::swap(arrays.order[2], arrays.order[299]);
  CHECK(flaw_of(arrays, SparseForm::kCsr, 40, 300) == message);
}
