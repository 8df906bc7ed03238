/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A thread that does, one after another, what would block the event loop: fsync, copies, uploads. */

#include "conf/cleanup.h"

typedef struct sd_event sd_event;
typedef struct Worker Worker;

/* Embedded in what it is about. Between submitting and done it belongs to the worker. */
typedef struct Job {
    void (*run)(struct Job *job);  /* in the worker's thread */
    void (*done)(struct Job *job); /* in the event loop, afterwards; may free the job or submit it again */
    struct Job *next;
} Job;

int worker_new(sd_event *event, const char *name, Worker **ret);
/* Waits for the job under way; jobs that wait are forgotten, and no done is called any more. Takes NULL,
 * returns NULL. */
Worker *worker_free(Worker *worker);
DEFINE_CLEANUP(Worker, worker_free)

void worker_submit(Worker *worker, Job *job);
