/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where this machine is: the seam to a metadata provider, asked when a reporter first needs it. */

#include <stddef.h>

/* What is known of the host. Strings are owned; NULL: unknown. */
typedef struct HostMetadata {
    char *account_id;
    char *region;
    char *instance_id;
    char *instance_type;
} HostMetadata;

HostMetadata *host_metadata_free(HostMetadata *metadata);

typedef struct MetadataProvider MetadataProvider;

typedef struct MetadataProviderVtable {
    /* Looks it up; may block, runs in a reporter's thread. *ret is the caller's. A failure is not final: it
     * is asked again for the next recording. */
    int (*load)(MetadataProvider *provider, HostMetadata **ret, char **reason);
    void (*free)(MetadataProvider *provider);
} MetadataProviderVtable;

struct MetadataProvider {
    const MetadataProviderVtable *vtable;
};

static inline int metadata_provider_load(MetadataProvider *provider, HostMetadata **ret, char **reason)
{
    return provider->vtable->load(provider, ret, reason);
}

static inline MetadataProvider *metadata_provider_free(MetadataProvider *provider)
{
    if (provider)
        provider->vtable->free(provider);
    return NULL;
}

/* The provider that knows nothing, at once. */
int metadata_none_new(MetadataProvider **ret);
