/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Refuses what libconfig 1.5 would read, but not as it is meant: whole numbers beyond the range of their type
 * (it keeps the low bits and says nothing), hexadecimal ones, a comment or string without an end (what
 * follows is not seen), and @include, whose file nobody has checked. path is for the reason.
 */
int config_scan(const char *text, const char *path, char **reason);
