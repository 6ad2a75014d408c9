// The state of a trainer as named arrays, as checkpoints hold it: "steps", its count of training
// steps, "averages_are_weights" (0 or 1) if the optimizer has averages, and of each layer i that
// has parameters
//   layer<i>.steps, .penalties     [slices] update count and penalty of each slice
//   layer<i>.first_moment, .second_moment, .third_moment, .average
//                                  laid out like the parameter block, those that are kept
//   layer<i>.average_steps         [slices] how many steps the average includes; -1: it is the
//                                  weights
//   layer<i>.statistics            what an update of whole slices keeps
//   layer<i>.gradient_sum          of the steps since the last update, if that is one of several
//   layer<i>.is_accumulated        [slices] 0 or 1: whether it has a gradient since then
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "training/trainer.h"

namespace gatewise {

using StateArray = std::variant<std::vector<std::int64_t>, std::vector<double>, std::vector<float>>;
using StateView =
    std::variant<std::span<const std::int64_t>, std::span<const double>, std::span<const float>>;

// Copies of all arrays, by name.
std::vector<std::pair<std::string, StateArray>> read_state(Trainer& trainer);

// Throws, and writes nothing, if an array is missing or does not fit.
void write_state(Trainer& trainer, const std::map<std::string, StateView>& state);

// The first or second moment (`moment` 0 or 1) of a parameter of `layer` in natural order; empty if
// the optimizer does not keep it.
std::vector<float> read_moment(Trainer& trainer, const Layer& layer, const Parameter& parameter,
                               int moment);

}  // namespace gatewise
