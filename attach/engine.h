/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The seam to one target: hand async-profiler in it an option string, get its answer. A door (the JVM's
 * attach protocol today) implements it; a test replaces it.
 */

#include <stdint.h>

typedef struct Engine Engine;

/* async-profiler, or the JVM in its place, answered and refused; the text says why. */
#define ENGINE_REFUSED 1

/* async-profiler's exact limit on one argument of the attach protocol, in bytes without the final NUL:
 * OpenJDK, AttachOperation::arg_length_max. */
#define ENGINE_OPTIONS_MAX 1024

/*
 * How a command ended; called once, from the event loop and never from inside engine_execute().
 *   0               accepted; text is what async-profiler wrote, "" for nothing
 *   ENGINE_REFUSED  text is the reason it gave
 *   -ETIMEDOUT      no answer in time. The command may still take effect: executing the same options again
 *                   waits for that answer where the door can tell, and does not repeat the command.
 *   -ESRCH          the target has ended
 *   other negative  errno; the command did not reach async-profiler
 * text is valid during the call, one sentence, never NULL.
 */
typedef void (*EngineDone)(void *userdata, int result, const char *text);

typedef struct EngineVtable {
    void (*execute)(Engine *engine, const char *options, uint64_t timeout, EngineDone done, void *userdata);
    void (*free)(Engine *engine);
} EngineVtable;

struct Engine {
    const EngineVtable *vtable;
};

/* Executes one option string ("start,...", "stop", "status"); timeout in us. One command at a time. */
static inline void engine_execute(
        Engine *engine, const char *options, uint64_t timeout, EngineDone done, void *userdata)
{
    engine->vtable->execute(engine, options, timeout, done, userdata);
}

/* Ends the engine; a command under way is abandoned and its done is not called. Takes NULL, returns NULL. */
static inline Engine *engine_free(Engine *engine)
{
    if (engine)
        engine->vtable->free(engine);
    return (Engine *)0;
}
