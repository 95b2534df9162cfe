/* keys_file.h: the file of API keys. It holds no key, only the SHA-256 of each:
 *
 *   # name   hash            limits, all optional
 *   alice    sha256:9f86…    rate=10 burst=20 concurrency=4 queue=64 max-timeout=30
 *
 * The broker reads and checks it, the front gets the text. */
#pragma once

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KEY_NAME_MAX = 32,
    KEY_HASH_SIZE = 32,
    KEY_HASH_TEXT_SIZE = 2 * KEY_HASH_SIZE,
    KEY_TEXT_MAX = 64,
    KEYS_MAX = 1000,
    KEYS_FILE_MAX = 4 << 20
};

struct key_entry {
    char name[KEY_NAME_MAX + 1];
    unsigned char hash[KEY_HASH_SIZE];
    double rate;         /* runs a second; 0: no limit */
    double burst;        /* runs at once before the rate holds */
    int64_t concurrency; /* runs at the same time; 0: no limit of its own */
    int64_t queue;       /* requests that may wait; -1: its share of the service's queue */
    double max_timeout;  /* seconds; 0: the service's */
};

/* Reads the file's text. 0 and an array that the caller frees, or -1 with `err`, which names the line. */
int keys_parse(const char *text, size_t size, struct key_entry **entries, size_t *count, struct error *err);

/* 1 to KEY_NAME_MAX letters, digits, '.', '_' and '-'. */
bool key_name_valid(const char *name);

/* A new key: 256 random bits. */
void key_make(char key[KEY_TEXT_MAX]);

void key_hash(const char *key, unsigned char hash[KEY_HASH_SIZE]);
void key_hash_text(const unsigned char hash[KEY_HASH_SIZE], char text[KEY_HASH_TEXT_SIZE + 1]);

/* In a time that does not depend on where they differ. */
bool key_hash_equal(const unsigned char a[KEY_HASH_SIZE], const unsigned char b[KEY_HASH_SIZE]);
