// Gradients of bfloat16 products, and the copies of weights that they read.
#include "emulated_tiles.h"
#include "kernels/bfloat16_copy.h"
#include "kernels/bfloat16_gradient.h"
#include "kernels/bfloat16_operands.h"
#include "kernels/bfloat16_tiles.h"
#include "kernels/matrix_gradient_tile.h"
#include "kernels/weight_gradient.h"
#include "networks.h"
#include "quantized.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

std::vector<std::uint16_t> rounded_bits(const Matrix& m) {
  std::vector<std::uint16_t> bits;
  for (Index i = 0; i < m.rows; ++i)
    for (Index j = 0; j < m.cols; ++j) {
      const float value = rounded_to_bfloat16(m.at(i, j));
      std::uint32_t whole;
      std::memcpy(&whole, &value, sizeof whole);
      bits.push_back(static_cast<std::uint16_t>(whole >> 16));
    }
  return bits;
}

void check_input_gradient(Index rows, Index depth, Index units, bool is_scattered) {
  RandomGenerator rng(static_cast<std::uint64_t>(rows * 1000003 + depth * 1009 + units));
  const Matrix d_y(rows, units, units + depth % 3, rng), w(depth, units, units, rng);
  const Matrix before(rows, depth, depth + 1, rng), y(rows, depth, depth, rng);
  const PackedBfloat16 packed(w, rounded_bits(w));
  std::vector<Index> target;
  for (Index i = 0; i < rows; ++i) target.push_back(rows - 1 - i);
  Matrix d_x = before;
  InputGradient out{.d_x = d_x.data(), .stride = d_x.stride, .accumulate = is_scattered};
  if (is_scattered) {
    out.target = target.data();
  } else {
    out.activation = Activation::kRelu;
    out.activated = y.data();
    out.activated_stride = y.stride;
  }
  AlignedBuffer scratch(bfloat16_gradient_scratch(packed.shape));
  const Index middle = std::min<Index>(16, depth), row = rows / 3;
  for (const auto& [begin, end] : {std::pair{Index{0}, middle}, std::pair{middle, depth}}) {
    if (begin == end) continue;
    bfloat16_input_gradient(d_y.data(), d_y.stride, 0, row, packed.view(), begin, end, out,
                            scratch.data());
    bfloat16_input_gradient(d_y.data(), d_y.stride, row, rows, packed.view(), begin, end, out,
                            scratch.data());
  }
  bool is_same = true;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < depth; ++j) {
      const float sum =
          bfloat16_sum(units, [&](Index u) { return std::pair(d_y.at(i, u), w.at(j, u)); });
      const Index to = is_scattered ? target[i] : i;
      is_same &= d_x.at(to, j) ==
                 (is_scattered ? before.at(to, j) + sum : (y.at(i, j) > 0 ? sum : sum * 0));
    }
  INFO("rows ", rows, " depth ", depth, " units ", units);
  CHECK(is_same);
  CHECK(d_x.gaps_are_intact());
}

// Whether the copy of each kernel of a block is the kernel rounded, with zeros as padding.
bool copies_follow(const ParameterBlock& block) {
  bool follow = true;
  for (const Parameter& parameter : block.all()) {
    if (parameter.copy_offset < 0) continue;
    for (Index slice = 0; slice < parameter.count; ++slice) {
      Matrix values(parameter.shape.rows, parameter.shape.cols, parameter.shape.cols);
      read_values(block, parameter, slice, values.data());
      const PackedBfloat16 expected(values, rounded_bits(values));
      follow &=
          std::equal(expected.values.begin(), expected.values.end(), block.copy(parameter, slice));
    }
  }
  return follow;
}

bool copies_follow(const Network& network) {
  bool follow = true, exist = false;
  for (const Node& node : network.nodes()) {
    follow &= copies_follow(node.layer->parameters());
    for (const Parameter& parameter : node.layer->parameters().all())
      exist |= parameter.copy_offset >= 0;
  }
  return follow && exist;
}

}  // namespace

TEST_CASE("bfloat16_input_gradient has the described sums for any ranges") {
  for (const Index units : {1, 15, 16, 17, 31, 32, 33, 47, 65, 300})
    for (const Index depth : {1, 16, 17, 40})
      for (const Index rows : {0, 1, 3, 4, 5, 50})
        check_input_gradient(rows, depth, units, (units + depth + rows) % 2 == 0);
}

TEST_CASE("the input gradient of tiles has the bits of planes, on emulated tiles") {
  for (const Index units : {1, 16, 33, 600})
    for (const Index depth : {1, 17, 64})
      for (const Index rows : {1, 16, 50}) {
        RandomGenerator rng(static_cast<std::uint64_t>(rows * 1009 + units * 31 + depth));
        const Matrix d_y(rows, units, units, rng), w(depth, units, units, rng);
        const PackedBfloat16 packed(w, rounded_bits(w));
        Matrix expected(rows, depth, depth), d_x(rows, depth, depth);
        AlignedBuffer scratch(bfloat16_gradient_scratch(packed.shape));
        InputGradient out{.d_x = expected.data(), .stride = depth};
        bfloat16_input_gradient(d_y.data(), d_y.stride, 0, rows, packed.view(), 0, depth, out,
                                scratch.data(), Bfloat16Unit::kPlanes);
        out.d_x = d_x.data();
        const Bfloat16Panels panels = packed.view();
        const GradientOperands operands{d_y.data(), d_y.stride, panels, depth, out};
        using Product = Bfloat16Tiles<EmulatedTiles, GradientOperands>;
        AlignedBuffer own(Product::scratch(units));
        Product(operands, own.data()).run(0, rows, 0, (depth + 15) / 16);
        INFO("rows ", rows, " depth ", depth, " units ", units);
        CHECK(same_bits(d_x.values, expected.values));
      }
}

TEST_CASE("weight_gradient of bfloat16 products has the described sums for any ranges") {
  for (const Index rows : {1, 2, 3, 31, 32, 33, 64, 127, 128, 129, 257, 300})
    for (const Index units : {4, 17, 40})
      for (const Index depth : {1, 7, 30, 530}) {
        RandomGenerator rng(static_cast<std::uint64_t>(rows * 1009 + units * 31 + depth));
        const Matrix x(rows + 1, depth, depth + 1, rng), d_y(rows, units, units + 3, rng);
        const std::vector<Index> index = rng.indices(rows, rows + 1);
        Packed g(PanelShape{depth, units});
        AlignedBuffer scratch(weight_gradient_scratch(g.shape, rows, Products::kBfloat16));
        const Index middle = gradient_units(g.shape) / 2;
        for (const auto& [begin, end] :
             {std::pair{Index{0}, middle}, std::pair{middle, gradient_units(g.shape)}})
          if (begin < end)
            weight_gradient(x.view(index), d_y.data(), d_y.stride, 0, rows, g.shape, begin, end,
                            store(g.buffer.data()), scratch.data(), Products::kBfloat16);
        bool is_same = true;
        for (Index j = 0; j < depth; ++j)
          for (Index u = 0; u < units; ++u)
            is_same &= g.at(j, u) == bfloat16_sum(rows, [&](Index i) {
                         return std::pair(x.view(index).row(i)[j], d_y.at(i, u));
                       });
        INFO("rows ", rows, " depth ", depth, " units ", units);
        CHECK(is_same);
        CHECK(g.padding_is_zero());
      }
}

// The gradient of `rows` columns of x, from the first one on, and of `units` units.
template <typename Form, int kPanels>
std::vector<float> block_gradient(const Matrix& x, const Matrix& d_y, Index first, Index rows,
                                  bool add) {
  AlignedBuffer packed(kPackedFloats), pairs(kGradientBlockRows * kTilePanels * kPanelWidth);
  Form::pack_x(x.view(), 0, x.rows, 0, x.cols, packed.data());
  Form::template pack_d_y<kPanels>(d_y.data(), d_y.stride, d_y.rows, d_y.cols, pairs.data());
  const Index floats = (rows + kGradientTileRows) * kPanelWidth;
  std::vector<float> g(static_cast<std::size_t>(kPanels * floats), 0.25f);
  for (Index j = 0; j < rows; j += Form::kRows) {
    float* tiles[2] = {g.data() + j * kPanelWidth, g.data() + floats + j * kPanelWidth};
    Form::template multiply<kPanels>(packed.data(), first + j, std::min(Form::kRows, rows - j),
                                     pairs.data(), x.rows, add, tiles);
  }
  std::vector<float> used;
  for (int p = 0; p < kPanels; ++p)
    used.insert(used.end(), g.begin() + p * floats, g.begin() + p * floats + rows * kPanelWidth);
  return used;
}

TEST_CASE("the weight gradient of tiles has the bits of planes, on emulated tiles") {
  for (const Index count : {1, 2, 31, 33, 64, 100, 128}) {
    if (count > kGradientBlockRows) continue;
    for (const Index rows : {1, 12, 16, 17, 32, 45, 120})
      for (const bool add : {false, true}) {
        RandomGenerator rng(static_cast<std::uint64_t>(count * 1009 + rows));
        const Matrix x(count, 150, 151, rng);
        const Index first = rows % 2 * kGradientTileRows;
        INFO("count ", count, " rows ", rows, " add ", add);
        const Matrix one(count, 13, 16, rng);
        CHECK(same_bits(
            block_gradient<MatrixGradientTile<EmulatedTiles>, 1>(x, one, first, rows, add),
            block_gradient<PlaneGradientTile, 1>(x, one, first, rows, add)));
        if constexpr (kTilePanels == 2) {
          const Matrix two(count, 29, 32, rng);
          CHECK(same_bits(
              block_gradient<MatrixGradientTile<EmulatedTiles>, 2>(x, two, first, rows, add),
              block_gradient<PlaneGradientTile, 2>(x, two, first, rows, add)));
        }
      }
  }
}

TEST_CASE("round_to_copy has the same result however a matrix is divided") {
  for (const PanelShape shape : {PanelShape{7, 40}, PanelShape{33, 16}, PanelShape{5, 3}}) {
    RandomGenerator rng(3);
    const Matrix values(shape.rows, shape.cols, shape.cols, rng);
    const Packed weights(values);
    const PackedBfloat16 expected(values, rounded_bits(values));
    for (Index step = 1; step <= shape.floats(); ++step) {
      std::vector<std::uint16_t> copy(expected.values.size(), 0);
      for (Index begin = 0; begin < shape.floats(); begin += step)
        round_to_copy(weights.buffer.data(), shape, begin, std::min(step, shape.floats() - begin),
                      copy.data());
      CHECK(copy == expected.values);
    }
  }
}

TEST_CASE("the copies follow every optimizer, clipping and penalties") {
  const Samples samples;
  const Dataset data = samples.dataset();
  for (const char* expert : {"linear", "mlp", "glu", "convolution"})
    for (const char* optimizer : {"sgd", "adam", "lion", "rmsprop"})
      for (const bool clips : {false, true}) {
        const auto network = make_network("top_k", expert, false, "bfloat16");
        CHECK(copies_follow(*network));
        Parameter& kernel = network->nodes()[0].layer->parameters().find("kernel");
        kernel.l1 = optimizer == std::string("lion") ? 0.0f : 0.01f;
        kernel.groups = WeightGroups::kInputs;
        const auto before = all_parameters(*network);
        auto rule = make_optimizer(optimizer, 0.01);
        if (clips) rule->global_clip_norm = 0.5;
        const auto trainer = make_trainer(network, std::move(rule));
        std::vector<Index> rows;
        for (Index i = 0; i < 100; ++i) rows.push_back(i);
        for (int step = 0; step < 3; ++step) trainer->train_step(data, rows.data(), 100);
        INFO(std::string(expert), " ", std::string(optimizer), " ", clips);
        CHECK(all_parameters(*network) != before);
        CHECK(copies_follow(*network));
      }
}
