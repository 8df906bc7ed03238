/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/verbs.h"

#include <errno.h>

int exit_status_from_errno(int r)
{
    switch (-r) {
    case 0:
        return EXIT_OK;
    case ESRCH:
        return EXIT_NO_TARGET;
    case EPERM:
    case EACCES:
        return EXIT_NOT_PERMITTED;
    case EOPNOTSUPP:
    case EXDEV:
        return EXIT_NOT_SUPPORTED;
    case EBUSY:
        return EXIT_BUSY;
    case ETIMEDOUT:
    case EAGAIN:
        return EXIT_NO_ANSWER;
    default:
        return EXIT_FAILED;
    }
}
