/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The reporter that keeps recordings in a directory: <directory>/<end>.jfr, such as 2026-11-23T01-45-02Z.jfr.
 */

#include "conf/settings.h"
#include "reporters/reporter.h"

/* Makes the directory (0750) if it is missing. Settings are copied. */
int local_reporter_new(const LocalSettings *settings, Reporter **ret, char **reason);
