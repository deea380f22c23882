/* How fast Hyperscan, or Vectorscan, which has the same interface, finds every match of some patterns.
 * hyperscan PATTERNS TEXT...: one pattern a line; prints how long they took to build, then for each text the speed in
 * MB/s of this thread's processor time, of a text in one piece and in pieces of 1,400 octets, and the matches.
 * Built and run by hyperscan_compare.py. */
#include <hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATTERNS = 4096, TEXT = 1 << 20, PIECE = 1400, RUNS = 3 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static int see(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *count) {
    (void)id, (void)from, (void)to, (void)flags;
    ++*(unsigned long long *)count;
    return 0;
}

static void check(hs_error_t error, const char *what) {
    if (error != HS_SUCCESS) {
        fprintf(stderr, "%s: error %d\n", what, error);
        exit(1);
    }
}

static hs_database_t *build(const char *const *patterns, const unsigned *flags, const unsigned *ids, unsigned count,
                            unsigned mode, hs_scratch_t **scratch) {
    hs_database_t *database;
    hs_compile_error_t *error;
    size_t size;
    double before = seconds();
    if (hs_compile_multi(patterns, flags, ids, count, mode, NULL, &database, &error) != HS_SUCCESS) {
        fprintf(stderr, "pattern %d: %s\n", error->expression, error->message);
        exit(1);
    }
    check(hs_alloc_scratch(database, scratch), "scratch");
    check(hs_database_size(database, &size), "size");
    printf("build\t%s\t%.1f\t%.1f\n", mode == HS_MODE_BLOCK ? "block" : "stream", seconds() - before, size / 1e6);
    return database;
}

int main(int count, char **arguments) {
    static const char *patterns[PATTERNS];
    static unsigned flags[PATTERNS], ids[PATTERNS];
    static char line[65536], text[TEXT];
    unsigned number = 0;
    FILE *file = count > 1 ? fopen(arguments[1], "r") : NULL;
    if (!file) return 2;
    while (number < PATTERNS && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        ids[number] = number;
        patterns[number++] = strdup(line);
    }
    fclose(file);
    printf("version\t%s\n", hs_version());
    hs_scratch_t *scratch = NULL;
    hs_database_t *whole = build(patterns, flags, ids, number, HS_MODE_BLOCK, &scratch);
    hs_database_t *pieces = build(patterns, flags, ids, number, HS_MODE_STREAM, &scratch);
    for (int argument = 2; argument < count; argument++) {
        if (!(file = fopen(arguments[argument], "rb"))) return 2;
        size_t length = fread(text, 1, TEXT, file);
        fclose(file);
        unsigned long long matches[2];
        double best[2] = {1e9, 1e9};
        for (int run = 0; run < RUNS; run++) {
            double before = seconds();
            matches[0] = matches[1] = 0;
            check(hs_scan(whole, text, length, 0, scratch, see, &matches[0]), "scan");
            double between = seconds();
            hs_stream_t *stream;
            check(hs_open_stream(pieces, 0, &stream), "stream");
            for (size_t at = 0; at < length; at += PIECE) {
                size_t piece = length - at < PIECE ? length - at : PIECE;
                check(hs_scan_stream(stream, text + at, piece, 0, scratch, see, &matches[1]), "scan of a stream");
            }
            check(hs_close_stream(stream, scratch, see, &matches[1]), "stream's end");
            double after = seconds();
            if (between - before < best[0]) best[0] = between - before;
            if (after - between < best[1]) best[1] = after - between;
        }
        printf("text\t%s\t%.1f\t%.1f\t%llu\t%llu\n", arguments[argument], length / best[0] / 1e6, length / best[1] / 1e6,
               matches[0], matches[1]);
        fflush(stdout);
    }
    return 0;
}
