// Sizes of this machine's caches.
#pragma once

#include "core/types.h"

namespace gatewise {

// Bytes of the L2 cache of one core, read once; 512 KB, the smallest in use, if it is not known.
Index l2_bytes();

}  // namespace gatewise
