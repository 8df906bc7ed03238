/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Copies the first size bytes of one file to another, both from offset 0, by the kernel: a reflink where the
 * file system shares blocks, copy_file_range(2) or sendfile(2) elsewhere. File offsets are left alone.
 * -ENODATA: the source ended early.
 */
int file_copy(int from, int to, uint64_t size);
