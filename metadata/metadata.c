/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/metadata.h"

#include <stdlib.h>

HostMetadata *host_metadata_free(HostMetadata *metadata)
{
    if (!metadata)
        return NULL;
    free(metadata->account_id);
    free(metadata->region);
    free(metadata->instance_id);
    free(metadata->instance_type);
    free(metadata);
    return NULL;
}
