/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a JFR chunk says of its own types, and the walk through values by them. Source: OpenJDK,
 * jdk.jfr.internal.consumer.MetadataReader, ConstantMap and ParserFactory. */

#include "conf/cleanup.h"
#include "daemon/jfr_reader.h"

typedef struct JfrTypes JfrTypes;

/* Reads a metadata event from behind its size and type. -EBADMSG: it is damaged. */
int jfr_types_read(JfrReader *reader, JfrTypes **ret);
/* Takes NULL, returns NULL. */
JfrTypes *jfr_types_free(JfrTypes *types);
DEFINE_CLEANUP(JfrTypes, jfr_types_free)

/* Reads over one value, such as an event from behind its size and type. -EBADMSG: there is no such type, or
 * what stands there is none of it. */
int jfr_types_skip_value(const JfrTypes *types, JfrReader *reader, uint64_t type);
/* Reads over a constant pool event from behind its size and type. */
int jfr_types_skip_pools(const JfrTypes *types, JfrReader *reader);
