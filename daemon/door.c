/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/door.h"

#include "attach/hotspot.h"
#include "attach/jvm.h"
#include "conf/failure.h"

static int check_jvm(const Process *process, char **reason)
{
    _cleanup_free_ char *why = NULL;
    JvmInfo info;
    int r;

    r = jvm_inspect(process, &info, &why);
    if (r >= 0) {
        r = jvm_check_attachable(process, &info, &why);
        jvm_info_clear(&info);
    }
    if (r >= 0 || r == -EAGAIN)
        return 0;
    return fail(reason, r, "process %i (%s) cannot be profiled: %s", process->pid, process->comm,
            failure_text(why, r));
}

const Door process_door = {.check = check_jvm, .open = hotspot_engine_new};
