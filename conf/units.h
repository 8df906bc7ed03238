/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers as people write them. Nonsense, signs, overflow and trailing text are refused; no locale is heeded.
 */

#include <stddef.h>
#include <stdint.h>

/* "100ms", "1.5s", "2min", "1h30min": nanoseconds. Units: ns us ms s m min h d. A bare number takes
 * default_unit, or is refused
 * (-EINVAL, the reason names what would be right) when that is NULL. -ERANGE: over INT64_MAX ns. */
int duration_parse(const char *text, const char *default_unit, uint64_t *ret, char **reason);
/* "5000000", "10m", "512K", "1GiB": bytes, in powers of 1024. -ERANGE: over INT64_MAX. */
int size_parse(const char *text, uint64_t *ret, char **reason);
/* A decimal number from min to max. */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret, char **reason);

/* The shortest exact spelling that duration_parse() and size_parse() read back: "100ms", "1min30s", "10m". */
#define UNITS_MAX 64
const char *duration_format(uint64_t ns, char buffer[static UNITS_MAX]);
const char *size_format(uint64_t bytes, char buffer[static UNITS_MAX]);
