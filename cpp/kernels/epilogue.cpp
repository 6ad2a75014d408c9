#include "kernels/epilogue.h"

namespace gatewise {

void store_outputs(const float* sums, Index row, Index panel, Index width,
                   const Epilogue& epilogue) {
  const Index column = panel * kPanelWidth;
  Vector value = Vector::load(sums);
  if (epilogue.bias) value = value + Vector::load_up_to(epilogue.bias + column, width);
  const Index at = row * epilogue.y_stride + column;
  if (epilogue.pre_activation) value.store_up_to(epilogue.pre_activation + at, width);
  activate(epilogue.activation, value).store_up_to(epilogue.y + at, width);
}

}  // namespace gatewise
