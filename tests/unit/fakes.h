/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What stands in for the world at the daemon's seams: a clock wound by hand, an engine that obeys, a reporter
 * that remembers. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "attach/engine.h"
#include "daemon/clock.h"
#include "metadata/metadata.h"
#include "reporters/reporter.h"

#define FAKE_EPOCH INT64_C(1700000000000000000) /* ns: what the fake hour is when it begins */
#define FAKE_MAX 64

/* Dispatches all that is ready. */
void pump(sd_event *event);
/* Runs the loop until the condition holds, at most 10 s; says whether it does. */
bool pump_until(sd_event *event, bool (*condition)(void *userdata), void *userdata);

typedef struct FakeTimer {
    ClockTimer timer;
    ClockHandler handler;
    void *userdata;
    uint64_t at;
    struct FakeTimer *next;
} FakeTimer;

typedef struct FakeClock {
    Clock clock;
    uint64_t now; /* us */
    FakeTimer *timers;
} FakeClock;

void fake_clock_init(FakeClock *clock);
/* Lets time pass, calling each handler at its hour and pumping the loop after each. */
void fake_clock_advance(FakeClock *clock, sd_event *event, uint64_t us);
/* When the next timer is due, CLOCK_NEVER for none. */
uint64_t fake_clock_next(const FakeClock *clock);

/* Starts write a finished chunk with the payload "JFR<n>" into the file of the option string, n counting from
 * 0. */
typedef struct FakeEngine {
    Engine engine;
    sd_event *event;
    unsigned starts;
    char *commands[FAKE_MAX]; /* all that was executed */
    unsigned n_commands;
    bool freed;

    /* The answers from now on. */
    int start_result, stop_result, status_result;
    const char *start_text, *stop_text, *status_text;
    bool silent; /* no answer at all */

    EngineDone done;
    void *userdata;
    sd_event_source *answer;
    int result;
    const char *text;
} FakeEngine;

/* The payload of a file that the fake engine wrote; "" for an empty file. */
void fake_payload(int fd, char *payload, size_t size);

void fake_engine_init(FakeEngine *engine, sd_event *event);
void fake_engine_clear(FakeEngine *engine);
/* Answers what a silent engine was asked. */
void fake_engine_answer(FakeEngine *engine, int result, const char *text);

typedef struct FakeReport {
    char payload[64];
    char instance_id[64];
    pid_t pid;
    int64_t start, end;
    uint64_t reporting_interval;
} FakeReport;

typedef struct FakeReporter {
    Reporter reporter;
    ReporterVtable vtable;
    pthread_mutex_t mutex; /* over all below: reports come in a thread of their own */
    FakeReport reports[FAKE_MAX];
    unsigned n_reports;
    unsigned n_refused;
    bool refuse;
    bool slow; /* holds a report until this is false again */
} FakeReporter;

void fake_reporter_init(FakeReporter *reporter, bool wants_metadata);
unsigned fake_reporter_count(FakeReporter *reporter);
unsigned fake_reporter_count_refused(FakeReporter *reporter);
void fake_reporter_set(FakeReporter *reporter, bool refuse, bool slow);

typedef struct FakeProvider {
    MetadataProvider provider;
    unsigned loads;
    bool refuse;
} FakeProvider;

void fake_provider_init(FakeProvider *provider);
