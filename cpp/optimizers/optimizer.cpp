#include "optimizers/optimizer.h"

#include "core/registry.h"

namespace gatewise {

Optimizer::Optimizer(const Options& options)
    : learning_rate(options.number("learning_rate")),
      weight_decay(options.number_or("weight_decay", 0)),
      clip_norm(options.number_or("clipnorm", 0)),
      clip_value(options.number_or("clipvalue", 0)),
      global_clip_norm(options.number_or("global_clipnorm", 0)),
      dense_updates(options.has("dense_updates") && options.flag("dense_updates")) {}

std::unique_ptr<Optimizer> Optimizer::create(const Options& options) {
  auto optimizer = Registry<Optimizer>::create(options.text("kind"), options);
  options.check_all_read();
  return optimizer;
}

}  // namespace gatewise
