/* What happens when somebody truncates a file that is mapped. The kernel then sends SIGBUS to whoever touches it; a monitor
 * must not die of that. So the first attachment puts a handler in front of the one that is there: a fault inside one of our
 * mappings replaces the mapping by empty memory that is marked retired, and the reader gets an error code; any other
 * fault goes to the handler that was there before. */
#include "guard.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "card_internal.h"

/* A process attaches seldom more than a few boxes; what finds no place is not guarded. */
enum { GUARDED_MAX = 2048 };

/* `base` is stored last and cleared first; 0: free. */
static struct guarded {
    uintptr_t base;
    size_t size;
} guarded[GUARDED_MAX];

static struct sigaction before;
static bool is_installed; /* guarded by mutex */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static uintptr_t load_base(const struct guarded *g)
{
    return __atomic_load_n(&g->base, __ATOMIC_ACQUIRE);
}

static bool replace(uintptr_t address)
{
    for (size_t i = 0; i < GUARDED_MAX; i++) {
        uintptr_t base = load_base(&guarded[i]);
        if (base == 0 || address < base || address - base >= guarded[i].size)
            continue;
        void *fresh = mmap((void *)base, guarded[i].size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (fresh == MAP_FAILED)
            return false;
        gaudi_store_u32(&((gaudi_header *)fresh)->retired, 1);
        return true;
    }
    return false;
}

/* Without a handler before, the default action comes with the next try of the same instruction. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(number, info, context);
    else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)
        (void)signal(SIGBUS, SIG_DFL);
    else
        before.sa_handler(number);
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    bool is_fault = info->si_code == BUS_ADRERR;
    if (!is_fault || !replace((uintptr_t)info->si_addr))
        pass_on(number, info, context);
}

/* SA_ONSTACK: Go programs need it of every handler. */
static void install(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    action.sa_sigaction = on_bus_error;
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&mutex);
    if (!is_installed)
        is_installed = sigaction(SIGBUS, &action, &before) == 0;
    pthread_mutex_unlock(&mutex);
}

void gaudi_guard(const void *base, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    install();
    for (size_t i = 0; i < GUARDED_MAX; i++) {
        uintptr_t none = 0;
        uintptr_t taken = UINTPTR_MAX; /* no address lies in there while the size is being set */
        if (!__atomic_compare_exchange_n(&guarded[i].base, &none, taken, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            continue;
        guarded[i].size = (size + page - 1) / page * page;
        __atomic_store_n(&guarded[i].base, (uintptr_t)base, __ATOMIC_RELEASE);
        return;
    }
}

void gaudi_unguard(const void *base)
{
    for (size_t i = 0; i < GUARDED_MAX; i++) {
        if (load_base(&guarded[i]) == (uintptr_t)base) {
            __atomic_store_n(&guarded[i].base, 0, __ATOMIC_RELEASE);
            return;
        }
    }
}
