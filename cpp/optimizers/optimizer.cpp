#include "optimizers/optimizer.h"

#include "core/registry.h"

namespace gatewise {
namespace {

Index integer_or(const Options& options, const std::string& name, Index otherwise) {
  return options.has(name) ? options.integer(name) : otherwise;
}

}  // namespace

Optimizer::Optimizer(const Options& options)
    : learning_rate(options.number("learning_rate")),
      weight_decay(options.number_or("weight_decay", 0)),
      clip_norm(options.number_or("clipnorm", 0)),
      clip_value(options.number_or("clipvalue", 0)),
      global_clip_norm(options.number_or("global_clipnorm", 0)),
      dense_updates(options.has("dense_updates") && options.flag("dense_updates")),
      accumulation_steps(integer_or(options, "gradient_accumulation_steps", 1)),
      average_momentum(options.number_or("ema_momentum", -1)),
      overwrite_updates(integer_or(options, "ema_overwrite_frequency", 0)) {
  require(accumulation_steps >= 1, "gradient_accumulation_steps: expected at least 1, got ",
          accumulation_steps);
  require(average_momentum <= 1, "ema_momentum: expected at most 1, got ", average_momentum);
  require(overwrite_updates >= 0, "ema_overwrite_frequency: expected at least 0, got ",
          overwrite_updates);
}

std::unique_ptr<Optimizer> Optimizer::create(const Options& options) {
  auto optimizer = Registry<Optimizer>::create(options.text("kind"), options);
  options.check_all_read();
  return optimizer;
}

}  // namespace gatewise
