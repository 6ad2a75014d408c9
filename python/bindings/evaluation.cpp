// Losses and metrics of arrays, without a model.
#include "arrays.h"
#include "metrics/metric.h"
#include "targets.h"

namespace gatewise {
namespace {

// Rows of predictions with their targets.
struct Evaluation {
  Predictions y;
  Target target;
};

Evaluation to_evaluation(const py::object& y_true, const py::object& y_pred, bool reads_labels) {
  const RowArray rows = to_rows(y_pred, "y_pred");
  require(!rows.input.is_sparse(), "y_pred: expected a dense array, got a sparse matrix");
  Evaluation result{{.rows = rows.input.dense, .count = rows.rows, .units = rows.input.width},
                    make_target(y_true, rows.rows, "y_true")};
  require(result.target.rows_per_sample == 1, "y_true: expected ", rows.rows,
          " rows, as y_pred has, got ", rows.rows * result.target.rows_per_sample);
  require(reads_labels == (result.target.labels != nullptr), "y_true: expected ",
          reads_labels ? "int32 labels, got rows of values" : "rows of values, got labels");
  require(reads_labels || result.target.units == rows.input.width, "y_true: expected rows of ",
          rows.input.width, " values, got ", result.target.units);
  result.target.units = rows.input.width;
  return result;
}

// The loss of each row, without weights.
FloatArray loss_values(const std::string& kind, const py::dict& options, const py::object& y_true,
                       const py::object& y_pred) {
  const auto loss = Loss::create(kind, to_options(options));
  const Evaluation rows = to_evaluation(y_true, y_pred, loss->reads_labels());
  loss->check_units(rows.target.units);
  loss->check_labels(rows.target, rows.y.count, "y_true");
  FloatArray values(rows.y.count);
  float* to = values.mutable_data();
  const GilRelease release;
  loss->evaluate(rows.y, rows.target, false, 1.0f, 1.0, nullptr, 0, to);
  return values;
}

// The metric of each row.
FloatArray metric_values(const std::string& kind, const py::dict& options, const py::object& y_true,
                         const py::object& y_pred) {
  const auto metric = Metric::create(kind, to_options(options));
  const Evaluation rows = to_evaluation(y_true, y_pred, metric->reads_labels());
  metric->check(rows.target, rows.y.count);
  FloatArray values(rows.y.count);
  float* to = values.mutable_data();
  const GilRelease release;
  metric->evaluate(rows.y, rows.target, to);
  return values;
}

}  // namespace

void bind_evaluation(py::module_& module) {
  module.def("loss_values", &loss_values, py::arg("kind"), py::arg("options"), py::arg("y_true"),
             py::arg("y_pred"));
  module.def("metric_values", &metric_values, py::arg("kind"), py::arg("options"),
             py::arg("y_true"), py::arg("y_pred"));
}

}  // namespace gatewise
