// Encodes rows to CSR codes of a dictionary, decodes and searches them.
#include <limits>

#include "arrays.h"
#include "layers/sparse_dictionary.h"
#include "training/network.h"

namespace gatewise {
namespace {

// Count of rows encoded at a time, which limits the memory of intermediate values.
constexpr Index kEncodedRows = 4096;
// Memory above this size, which dense codes need, is freed after a call.
constexpr std::size_t kKeptBytes = std::size_t{64} << 20;

SparseDictionary& dictionary(Layer& layer) {
  auto* dictionary = dynamic_cast<SparseDictionary*>(&layer);
  require(dictionary != nullptr, "encode: expected a sparse_dictionary layer");
  require(layer.is_built(), "encode: expected a built layer");
  return *dictionary;
}

struct CodeArrays {
  std::vector<Index> offsets{0};
  std::vector<std::int32_t> latents;
  std::vector<float> values;

  void append(const Codes& codes) {
    const Index before = offsets.back();
    for (Index i = 1; i <= codes.rows; ++i) offsets.push_back(before + codes.offsets[i]);
    latents.insert(latents.end(), codes.latents, codes.latents + codes.nonzeros());
    values.insert(values.end(), codes.values, codes.values + codes.nonzeros());
  }
};

py::tuple encode(Layer& layer, const py::object& x, bool refit) {
  const SparseDictionary& sparse_dictionary = dictionary(layer);
  const RowArray array = to_rows(x, "x");
  require(!array.input.is_sparse(), "x: expected dense rows, got a sparse matrix");
  require(array.input.width == layer.input_widths()[0], "x: expected rows of ",
          layer.input_widths()[0], " values, got ", array.input.width);
  CodeArrays codes;
  const ReadClaim claim(layer.access());
  {
    const py::gil_scoped_release release;
    check_finite(array.input, array.rows, "x");
    IdlePool<SparseDictionary::EncodeWorkspace>::Loan encoding(sparse_dictionary.workspaces());
    for (Index row = 0; row < array.rows; row += kEncodedRows) {
      poll_interrupt();
      encoding->arena.reset();
      const Index count = std::min(kEncodedRows, array.rows - row);
      encoding->standby.run([&] {
        codes.append(
            sparse_dictionary.encode(array.input.dense.from(row), count, refit, encoding->arena));
      });
    }
    if (encoding->arena.bytes() > kKeptBytes) encoding.drop();
  }
  const auto num_nonzeros = static_cast<Index>(codes.values.size());
  return py::make_tuple(copy_array<std::int64_t>(codes.offsets.data(), array.rows + 1),
                        copy_array<std::int32_t>(codes.latents.data(), num_nonzeros),
                        copy_array<float>(codes.values.data(), num_nonzeros));
}

FloatArray decode(Layer& layer, const SparseMatrix& codes) {
  const SparseDictionary& sparse_dictionary = dictionary(layer);
  require(codes.width == sparse_dictionary.latents(), "codes: expected rows of ",
          sparse_dictionary.latents(), " latents, got ", codes.width);
  FloatArray y = new_array({codes.rows()}, layer.output_width());
  float* to = y.mutable_data();
  const ReadClaim claim(layer.access());
  const py::gil_scoped_release release;
  sparse_dictionary.decode({codes.offsets.data(), codes.columns.data(), codes.values.data()},
                           codes.rows(), to, layer.output_width());
  return y;
}

py::tuple search_layer(Layer& layer, const SparseMatrix& codes, const py::object& query, Index k) {
  const RowArray queries = to_rows(query, "query");
  const bool is_code = queries.input.is_sparse();
  SearchQueries::Reconstruction reconstruction;
  if (!is_code) reconstruction = dictionary(layer).reconstruction();
  const Index width = is_code ? codes.width : layer.input_widths()[0];
  const auto* sparse_dictionary = dynamic_cast<SparseDictionary*>(&layer);
  const Index latents = sparse_dictionary ? sparse_dictionary->latents() : layer.output_width();
  require(codes.width == latents, "codes: expected rows of ", latents, " latents, got ",
          codes.width);
  require(codes.rows() <= std::numeric_limits<std::int32_t>::max(),
          "codes: expected fewer than 2^31 rows, got ", codes.rows());
  require(queries.input.width == width, "query: expected rows of ", width, " values, got ",
          queries.input.width);
  require(k >= 1 && k <= codes.rows(), "k: expected 1 <= k <= rows of codes (", codes.rows(),
          "), got ", k);
  LabelArray indices({queries.rows, k});
  FloatArray scores({queries.rows, k});
  std::int32_t* to_indices = indices.mutable_data();
  float* to_scores = scores.mutable_data();
  const ReadClaim claim(layer.access());
  {
    const py::gil_scoped_release release;
    search({codes.offsets.data(), codes.columns.data(), codes.values.data()}, codes.rows(),
           queries.input, queries.rows, latents, reconstruction, k, to_indices, to_scores);
  }
  return py::make_tuple(indices, scores);
}

}  // namespace

void bind_dictionary(py::module_& module) {
  module.def("encode", &encode, py::arg("layer"), py::arg("x"), py::arg("refit") = false);
  module.def("decode", &decode, py::arg("layer"), py::arg("codes"));
  module.def("search", &search_layer, py::arg("layer"), py::arg("codes"), py::arg("query"),
             py::arg("k"));
}

}  // namespace gatewise
