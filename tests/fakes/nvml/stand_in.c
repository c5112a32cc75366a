/* A stand-in for libnvidia-ml.so.1: answers the functions this project asks, from the text file that the environment
 * variable NVML_SCENARIO names. The file is read at every call, so a test may change it while a program looks on.
 *
 * One statement a line, its first word says what it is about; '#' begins a comment.
 *   driver TEXT | nvml TEXT | cuda NUMBER       of the machine; without `cuda`, libcuda.so.1 is missing
 *   gpu                                          begins a card; what follows is the card's
 *   slice                                        begins a MIG instance of the last card
 *   name TEXT | uuid TEXT | pci TEXT | capability MAJOR MINOR
 *   memory TOTAL RESERVED USED                   MiB
 *   use PERCENT | temperature DEGREES | power MILLIWATTS | limit MILLIWATTS | mig 0 or 1
 *   computes PID MIB NAME | draws PID MIB NAME   a program; "-" for MiB: the driver does not tell
 *   refuse FUNCTION CODE                         of the machine or of the card it stands under
 *   hang FUNCTION | crash FUNCTION               of the machine: never come back; end the process
 * What is not said, the card does not support. -DOLD_DRIVER leaves out what drivers before R510 do not export.
 * Structures follow the public layout of nvml.h.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, NO_INIT = 1, BAD_ARGUMENT = 2, UNSUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, NO_DRIVER = 9,
       NO_LIBRARY = 12, BAD_VERSION = 25 };

enum { LINES = 400, THINGS = 24 };
static struct { int owner; char word[40], rest[200]; } line[LINES];
static struct { int parent, index; } thing[THINGS]; /* 0 is the machine; parent of a card is 0, of a slice its card */
static int lines, things, started;
static char token[THINGS]; /* a handle is the address of one of these */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static int children(int parent) {
    int count = 0;
    for (int i = 1; i < things; i++) count += thing[i].parent == parent;
    return count;
}

static void read_scenario(void) {
    char text[256];
    FILE *file = fopen(getenv("NVML_SCENARIO") ? getenv("NVML_SCENARIO") : "", "r");
    int owner = 0, card = 0;
    lines = 0;
    things = 1;
    if (!file) return;
    while (fgets(text, sizeof text, file) && lines < LINES) {
        text[strcspn(text, "#\n")] = 0;
        int start = 0;
        char word[40];
        if (sscanf(text, "%39s %n", word, &start) != 1) continue;
        int is_card = !strcmp(word, "gpu"), is_slice = !strcmp(word, "slice");
        if ((is_card || is_slice) && things < THINGS) {
            int parent = is_card ? 0 : card;
            thing[things].index = children(parent);
            thing[things].parent = parent;
            owner = things++;
            if (is_card) card = owner;
            continue;
        }
        line[lines].owner = owner;
        strcpy(line[lines].word, word);
        snprintf(line[lines].rest, sizeof line[lines].rest, "%s", text + start);
        char *end = line[lines].rest + strlen(line[lines].rest);
        while (end > line[lines].rest && end[-1] == ' ') *--end = 0;
        lines++;
    }
    fclose(file);
}

static const char *said(int owner, const char *word) {
    for (int i = 0; i < lines; i++)
        if (line[i].owner == owner && !strcmp(line[i].word, word)) return line[i].rest;
    return NULL;
}

static int refused(int owner, const char *function) {
    for (int i = 0; i < lines; i++) {
        char name[80];
        int code = 0;
        if (line[i].owner != owner || sscanf(line[i].rest, "%79s %d", name, &code) < 1 || strcmp(name, function)) continue;
        if (!strcmp(line[i].word, "refuse")) return code;
        if (!strcmp(line[i].word, "hang")) for (;;) pause();
        if (!strcmp(line[i].word, "crash")) abort();
    }
    return SUCCESS;
}

/* Every call is one turn: read the file, then refuse or answer. `done` ends the turn and passes the result on. */
static int begin(const char *function, int before_init) {
    pthread_mutex_lock(&turn);
    read_scenario();
    if (!lines) return NO_DRIVER;
    return !started && !before_init ? NO_INIT : refused(0, function);
}
static int done(int result) {
    pthread_mutex_unlock(&turn);
    return result;
}
static int begin_device(const char *function, void *handle, int *which) {
    int result = begin(function, 0);
    *which = (int)((char *)handle - token);
    if (result == SUCCESS && (*which < 1 || *which >= things)) result = BAD_ARGUMENT;
    return result == SUCCESS ? refused(*which, function) : result;
}
static int copy(const char *text, char *out, unsigned room) {
    if (!text) return UNSUPPORTED;
    if (strlen(text) >= room) return TOO_SMALL;
    strcpy(out, text);
    return SUCCESS;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    int result = begin("nvmlInitWithFlags", 1);
    if (result == SUCCESS) started++;
    return done(result);
}
int nvmlShutdown(void) {
    pthread_mutex_lock(&turn);
    if (started) started--;
    return done(SUCCESS);
}
const char *nvmlErrorString(int code) {
    switch (code) {
    case 3: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 6: return "Not Found";
    case 9: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    case 16: return "GPU requires restart";
    case 18: return "RM has detected an NVML/RM version mismatch.";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *out, unsigned room) {
    int result = begin("nvmlSystemGetDriverVersion", 0);
    return done(result ? result : copy(said(0, "driver"), out, room));
}
int nvmlSystemGetNVMLVersion(char *out, unsigned room) {
    int result = begin("nvmlSystemGetNVMLVersion", 1);
    return done(result ? result : copy(said(0, "nvml"), out, room));
}
int nvmlSystemGetCudaDriverVersion_v2(int *out) {
    int result = begin("nvmlSystemGetCudaDriverVersion_v2", 1);
    if (result == SUCCESS) {
        if (said(0, "cuda")) *out = atoi(said(0, "cuda"));
        else result = NO_LIBRARY;
    }
    return done(result);
}

static int program(int i, int which, unsigned *pid, unsigned long long *bytes, char *name) {
    char size[32];
    if ((which >= 0 && line[i].owner != which) || (strcmp(line[i].word, "computes") && strcmp(line[i].word, "draws")))
        return 0;
    if (sscanf(line[i].rest, "%u %31s %99[^\n]", pid, size, name) < 2) return 0;
    *bytes = *size == '-' ? ~0ULL : strtoull(size, NULL, 10) << 20;
    return 1;
}
int nvmlSystemGetProcessName(unsigned pid, char *out, unsigned room) {
    int result = begin("nvmlSystemGetProcessName", 0);
    if (result == SUCCESS) {
        result = NOT_FOUND;
        for (int i = 0; i < lines; i++) {
            unsigned found;
            unsigned long long bytes;
            char name[100] = "";
            if (program(i, -1, &found, &bytes, name) && found == pid && *name) result = copy(name, out, room);
        }
    }
    return done(result);
}

int nvmlDeviceGetCount_v2(unsigned *out) {
    int result = begin("nvmlDeviceGetCount_v2", 0);
    if (result == SUCCESS) *out = children(0);
    return done(result);
}
static int child(int parent, unsigned index, void **out) {
    for (int i = 1; i < things; i++)
        if (thing[i].parent == parent && thing[i].index == (int)index) {
            *out = &token[i];
            return i;
        }
    return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out) {
    int result = begin("nvmlDeviceGetHandleByIndex_v2", 0);
    if (result == SUCCESS) {
        int which = child(0, index, out);
        result = which ? refused(which, "nvmlDeviceGetHandleByIndex_v2") : BAD_ARGUMENT;
    }
    return done(result);
}
int nvmlDeviceGetHandleByUUID(const char *uuid, void **out) {
    int result = begin("nvmlDeviceGetHandleByUUID", 0);
    if (result == SUCCESS) {
        result = NOT_FOUND;
        for (int i = 1; i < things; i++)
            if (said(i, "uuid") && !strcmp(said(i, "uuid"), uuid)) {
                *out = &token[i];
                result = SUCCESS;
            }
    }
    return done(result);
}
int nvmlDeviceGetIndex(void *handle, unsigned *out) {
    int which, result = begin_device("nvmlDeviceGetIndex", handle, &which);
    if (result == SUCCESS) *out = thing[which].index;
    return done(result);
}

#define TEXT(function, word) \
    int function(void *handle, char *out, unsigned room) { \
        int which, result = begin_device(#function, handle, &which); \
        return done(result ? result : copy(said(which, word), out, room)); \
    }
TEXT(nvmlDeviceGetName, "name")
TEXT(nvmlDeviceGetUUID, "uuid")

#define NUMBER(function, word) \
    int function(void *handle, unsigned *out) { \
        int which, result = begin_device(#function, handle, &which); \
        if (result == SUCCESS && !said(which, word)) result = UNSUPPORTED; \
        if (result == SUCCESS) *out = (unsigned)atoi(said(which, word)); \
        return done(result); \
    }
NUMBER(nvmlDeviceGetPowerUsage, "power")
NUMBER(nvmlDeviceGetEnforcedPowerLimit, "limit")

int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
    int which, result = begin_device("nvmlDeviceGetCudaComputeCapability", handle, &which);
    const char *text = result ? NULL : said(which, "capability");
    if (!result && (!text || sscanf(text, "%d %d", major, minor) != 2)) result = UNSUPPORTED;
    return done(result);
}
typedef struct { char old[16]; unsigned domain, bus, device, id, subsystem; char name[32]; } pci_t;
int nvmlDeviceGetPciInfo_v3(void *handle, pci_t *out) {
    int which, result = begin_device("nvmlDeviceGetPciInfo_v3", handle, &which);
    memset(out, 0, sizeof *out);
    return done(result ? result : copy(said(which, "pci"), out->name, sizeof out->name));
}
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *out) {
    int which, result = begin_device("nvmlDeviceGetTemperature", handle, &which);
    (void)sensor;
    if (result == SUCCESS && !said(which, "temperature")) result = UNSUPPORTED;
    if (result == SUCCESS) *out = (unsigned)atoi(said(which, "temperature"));
    return done(result);
}
typedef struct { unsigned card, memory; } use_t;
int nvmlDeviceGetUtilizationRates(void *handle, use_t *out) {
    int which, result = begin_device("nvmlDeviceGetUtilizationRates", handle, &which);
    if (result == SUCCESS && !said(which, "use")) result = UNSUPPORTED;
    if (result == SUCCESS) *out = (use_t){(unsigned)atoi(said(which, "use")), 0};
    return done(result);
}

static int memory_of(int which, unsigned long long found[3]) {
    const char *text = said(which, "memory");
    if (!text || sscanf(text, "%llu %llu %llu", &found[0], &found[1], &found[2]) != 3) return UNSUPPORTED;
    for (int i = 0; i < 3; i++) found[i] <<= 20;
    return SUCCESS;
}
typedef struct { unsigned long long total, free, used; } memory_t; /* the reserve counts as used */
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *out) {
    unsigned long long m[3];
    int which, result = begin_device("nvmlDeviceGetMemoryInfo", handle, &which);
    if (result == SUCCESS) result = memory_of(which, m);
    if (result == SUCCESS) *out = (memory_t){m[0], m[0] - m[1] - m[2], m[1] + m[2]};
    return done(result);
}

int nvmlDeviceGetMigMode(void *handle, unsigned *now, unsigned *later) {
    int which, result = begin_device("nvmlDeviceGetMigMode", handle, &which);
    if (result == SUCCESS && !said(which, "mig")) result = UNSUPPORTED;
    if (result == SUCCESS) *now = *later = (unsigned)atoi(said(which, "mig"));
    return done(result);
}
int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *out) {
    int which, result = begin_device("nvmlDeviceGetMaxMigDeviceCount", handle, &which);
    if (result == SUCCESS) *out = 7;
    return done(result);
}
int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **out) {
    int which, result = begin_device("nvmlDeviceGetMigDeviceHandleByIndex", handle, &which);
    if (result == SUCCESS && !child(which, index, out)) result = NOT_FOUND;
    return done(result);
}

typedef struct { unsigned pid; unsigned long long bytes; unsigned instance, compute; } process_t;
static int programs(const char *function, const char *word, void *handle, unsigned *count, process_t *out) {
    int which, result = begin_device(function, handle, &which);
    unsigned found = 0;
    for (int i = 0; result == SUCCESS && i < lines; i++) {
        process_t row = {0, 0, ~0u, ~0u};
        char name[100];
        if (strcmp(line[i].word, word) || !program(i, which, &row.pid, &row.bytes, name)) continue;
        if (found < *count && out) out[found] = row;
        found++;
    }
    if (result == SUCCESS && (found > *count || (found && !out))) result = TOO_SMALL;
    *count = found;
    return done(result);
}
#define PROGRAMS(function, word) \
    int function(void *handle, unsigned *count, process_t *out) { return programs(#function, word, handle, count, out); }
PROGRAMS(nvmlDeviceGetComputeRunningProcesses_v2, "computes")
PROGRAMS(nvmlDeviceGetGraphicsRunningProcesses_v2, "draws")

#ifndef OLD_DRIVER
PROGRAMS(nvmlDeviceGetComputeRunningProcesses_v3, "computes")
PROGRAMS(nvmlDeviceGetGraphicsRunningProcesses_v3, "draws")

typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2_t;
int nvmlDeviceGetMemoryInfo_v2(void *handle, memory_v2_t *out) {
    unsigned long long m[3];
    int which, result = begin_device("nvmlDeviceGetMemoryInfo_v2", handle, &which);
    if (result == SUCCESS && out->version != (sizeof *out | 2u << 24)) result = BAD_VERSION;
    if (result == SUCCESS) result = memory_of(which, m);
    if (result == SUCCESS) *out = (memory_v2_t){out->version, m[0], m[1], m[0] - m[1] - m[2], m[2]};
    return done(result);
}
typedef struct { unsigned version; int sensor, degrees; } temperature_t;
int nvmlDeviceGetTemperatureV(void *handle, temperature_t *out) {
    int which, result = begin_device("nvmlDeviceGetTemperatureV", handle, &which);
    if (result == SUCCESS && out->version != (sizeof *out | 1u << 24)) result = BAD_VERSION;
    if (result == SUCCESS && !said(which, "temperature")) result = UNSUPPORTED;
    if (result == SUCCESS) out->degrees = atoi(said(which, "temperature"));
    return done(result);
}
#endif
