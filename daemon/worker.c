/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <systemd/sd-event.h>

typedef struct JobList {
    Job *head;
    Job **tail;
} JobList;

struct Worker {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wanted;
    JobList waiting; /* under the mutex, as all below */
    JobList finished;
    bool ending;
    int event_fd;
    sd_event_source *source;
};

static void job_list_init(JobList *list)
{
    list->head = NULL;
    list->tail = &list->head;
}

static void job_list_append(JobList *list, Job *job)
{
    job->next = NULL;
    *list->tail = job;
    list->tail = &job->next;
}

static Job *job_list_take(JobList *list)
{
    Job *job = list->head;

    if (job) {
        list->head = job->next;
        if (!list->head)
            list->tail = &list->head;
    }
    return job;
}

static void *worker_main(void *userdata)
{
    Worker *worker = userdata;
    Job *job;

    pthread_mutex_lock(&worker->mutex);
    while (!worker->ending) {
        job = job_list_take(&worker->waiting);
        if (!job) {
            pthread_cond_wait(&worker->wanted, &worker->mutex);
            continue;
        }
        pthread_mutex_unlock(&worker->mutex);
        job->run(job);
        pthread_mutex_lock(&worker->mutex);
        job_list_append(&worker->finished, job);
        eventfd_write(worker->event_fd, 1);
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

static int on_finished(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Worker *worker = userdata;
    eventfd_t count;
    Job *job;

    (void)source;
    (void)events;
    eventfd_read(fd, &count);
    for (;;) {
        pthread_mutex_lock(&worker->mutex);
        job = job_list_take(&worker->finished);
        pthread_mutex_unlock(&worker->mutex);
        if (!job)
            return 0;
        job->done(job);
    }
}

static int worker_start(Worker *worker, const char *name)
{
    sigset_t all, before;
    int r;

    /* Signals are the event loop's: a thread inherits this mask. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = -pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        pthread_setname_np(worker->thread, name);
    return r;
}

int worker_new(sd_event *event, const char *name, Worker **ret)
{
    Worker *worker = calloc(1, sizeof(*worker));
    int r;

    if (!worker)
        return -ENOMEM;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->wanted, NULL);
    job_list_init(&worker->waiting);
    job_list_init(&worker->finished);
    worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = worker->event_fd < 0 ? -errno : 0;
    if (r == 0)
        r = sd_event_add_io(event, &worker->source, worker->event_fd, EPOLLIN, on_finished, worker);
    if (r >= 0)
        r = worker_start(worker, name);
    if (r < 0) {
        sd_event_source_disable_unref(worker->source);
        close_fd(worker->event_fd);
        free(worker);
        return r;
    }
    *ret = worker;
    return 0;
}

Worker *worker_free(Worker *worker)
{
    if (!worker)
        return NULL;
    pthread_mutex_lock(&worker->mutex);
    worker->ending = true;
    pthread_cond_signal(&worker->wanted);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    sd_event_source_disable_unref(worker->source);
    close_fd(worker->event_fd);
    pthread_cond_destroy(&worker->wanted);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
    return NULL;
}

void worker_submit(Worker *worker, Job *job)
{
    pthread_mutex_lock(&worker->mutex);
    job_list_append(&worker->waiting, job);
    pthread_cond_signal(&worker->wanted);
    pthread_mutex_unlock(&worker->mutex);
}
