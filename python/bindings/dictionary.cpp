// Encodes rows to CSR codes of a dictionary, decodes and searches them.
#include <limits>

#include "arrays.h"
#include "layers/dictionary/encode_rows.h"
#include "training/network.h"

namespace gatewise {
namespace {

SparseDictionary& dictionary(Layer& layer) {
  auto* dictionary = dynamic_cast<SparseDictionary*>(&layer);
  require(dictionary != nullptr, "encode: expected a sparse_dictionary layer");
  require(layer.is_built(), "encode: expected a built layer");
  return *dictionary;
}

py::tuple encode(Layer& layer, const py::object& x, bool refit, bool checked) {
  const SparseDictionary& sparse_dictionary = dictionary(layer);
  const RowArray array = to_layer_rows(layer, x);
  require(!array.input.is_sparse(), "x: expected dense rows, got a sparse matrix");
  CodeArrays codes;
  const ReadClaim claim(layer.access());
  {
    const GilRelease release;
    if (!checked) check_finite(array.input, array.rows, "x");
    codes = encode_rows(sparse_dictionary, array.input.dense, array.rows, refit);
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
  const GilRelease release;
  sparse_dictionary.decode({codes.offsets.data(), codes.columns.data(), codes.values.data()},
                           codes.rows(), to, layer.output_width());
  return y;
}

void check_search(const Layer& layer, const SparseMatrix& codes, const RowArray& queries, Index k,
                  Index latents) {
  require(codes.width == latents, "codes: expected rows of ", latents, " latents, got ",
          codes.width);
  require(codes.rows() <= std::numeric_limits<std::int32_t>::max(),
          "codes: expected fewer than 2^31 rows, got ", codes.rows());
  const Index width = queries.input.is_sparse() ? codes.width : layer.input_widths()[0];
  require(queries.input.width == width, "query: expected rows of ", width, " values, got ",
          queries.input.width);
  require(k >= 1 && k <= codes.rows(), "k: expected 1 <= k <= rows of codes (", codes.rows(),
          "), got ", k);
}

py::tuple search_layer(Layer& layer, const SparseMatrix& codes, const py::object& query, Index k) {
  const RowArray queries = to_rows(query, "query");
  SearchQueries::Reconstruction reconstruction;
  if (!queries.input.is_sparse()) reconstruction = dictionary(layer).reconstruction();
  const auto* sparse_dictionary = dynamic_cast<SparseDictionary*>(&layer);
  const Index latents = sparse_dictionary ? sparse_dictionary->latents() : layer.output_width();
  check_search(layer, codes, queries, k, latents);
  LabelArray indices({queries.rows, k});
  FloatArray scores({queries.rows, k});
  std::int32_t* to_indices = indices.mutable_data();
  float* to_scores = scores.mutable_data();
  const ReadClaim claim(layer.access());
  {
    const GilRelease release;
    search({codes.offsets.data(), codes.columns.data(), codes.values.data()}, codes.rows(),
           queries.input, queries.rows, latents, reconstruction, k, to_indices, to_scores);
  }
  return py::make_tuple(indices, scores);
}

}  // namespace

void bind_dictionary(py::module_& module) {
  module.def("encode", &encode, py::arg("layer"), py::arg("x"), py::arg("refit") = false,
             py::arg("checked") = false);
  module.def("decode", &decode, py::arg("layer"), py::arg("codes"));
  module.def("search", &search_layer, py::arg("layer"), py::arg("codes"), py::arg("query"),
             py::arg("k"));
}

}  // namespace gatewise
