#include "routing/dispatch.h"

namespace gatewise {

Choice make_choice(Index rows, Index per_row, Arena& arena) {
  Choice choice;
  choice.rows = rows;
  choice.offsets = arena.take<Index>(rows + 1);
  choice.experts = arena.take<std::int32_t>(rows * per_row);
  choice.weights = arena.take<float>(rows * per_row);
  for (Index i = 0; i <= rows; ++i) choice.offsets[i] = i * per_row;
  return choice;
}

Dispatch make_dispatch(const Choice& choice, Index experts, Arena& arena) {
  const Index entries = choice.entries();
  Index* offsets = arena.take_zeroed<Index>(experts + 1);
  Dispatch dispatch;
  dispatch.groups = {offsets, experts};
  dispatch.row_of = arena.take<Index>(entries);
  dispatch.entry_of = arena.take<Index>(entries);
  dispatch.position_of = arena.take<Index>(entries);

  for (Index entry = 0; entry < entries; ++entry) ++offsets[choice.experts[entry] + 1];
  for (Index e = 0; e < experts; ++e) offsets[e + 1] += offsets[e];
  Index* place = arena.take<Index>(experts);
  for (Index e = 0; e < experts; ++e) place[e] = offsets[e];
  for (Index i = 0; i < choice.rows; ++i) {
    for (Index entry = choice.offsets[i]; entry < choice.offsets[i + 1]; ++entry) {
      const Index position = place[choice.experts[entry]]++;
      dispatch.row_of[position] = i;
      dispatch.entry_of[position] = entry;
      dispatch.position_of[entry] = position;
    }
  }
  return dispatch;
}

}  // namespace gatewise
