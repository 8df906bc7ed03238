/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/metadata.h"

#include <errno.h>
#include <stdlib.h>

static int none_load(MetadataProvider *provider, HostMetadata **ret, char **reason)
{
    HostMetadata *metadata = calloc(1, sizeof(*metadata));

    (void)provider;
    (void)reason;
    if (!metadata)
        return -ENOMEM;
    *ret = metadata;
    return 0;
}

static void none_free(MetadataProvider *provider)
{
    free(provider);
}

int metadata_none_new(MetadataProvider **ret)
{
    static const MetadataProviderVtable vtable = {.load = none_load, .free = none_free};
    MetadataProvider *provider = malloc(sizeof(*provider));

    if (!provider)
        return -ENOMEM;
    provider->vtable = &vtable;
    *ret = provider;
    return 0;
}
