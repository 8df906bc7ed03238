/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the benchmarks share: a JVM to measure on, an engine in it, and figures with their spread. */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "attach/engine.h"
#include "attach/process.h"
#include "attach/target_directory.h"

#define SAMPLES_MAX 1024

typedef struct Figures {
    double ms[SAMPLES_MAX];
    size_t n;
} Figures;

void figures_add(Figures *figures, int64_t ns);
double figures_quantile(Figures *figures, double q);
/* One line: what, median, 10th and 90th percentile, count. */
void figures_print(const char *what, Figures *figures);

uint64_t now_ns(void);

/* A process whose stdout is read until it has said "ready". */
pid_t jvm_spawn(char *const *argv);
void jvm_kill(pid_t pid);

/* Everything that commands one JVM. Ends the program with a sentence when it cannot be made. */
typedef struct Door {
    sd_event *event;
    Process *process;
    TargetDirectory *directory;
    Engine *engine;
} Door;

void door_make(Door *door, pid_t pid, const char *library);
void door_unmake(Door *door);
/* Executes and waits for the answer, which must be an accepted one. */
void door_execute(Door *door, const char *options);

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
