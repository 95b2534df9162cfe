/* bpf.h: runs a seccomp filter here, as the kernel would: the classic BPF that libseccomp writes. */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* False where the filter has an instruction that is not known here, reads outside of the data, or does not end. */
static inline bool bpf_run(const struct sock_filter *filter, size_t filter_count, const struct seccomp_data *data, uint32_t *verdict)
{
    uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = {0};
    for (size_t pc = 0; pc < filter_count; pc++) {
        const struct sock_filter *f = &filter[pc];
        switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (f->k % 4 != 0 || f->k >= sizeof *data)
                return false;
            memcpy(&a, (const char *)data + f->k, sizeof a);
            break;
        case BPF_LD | BPF_MEM:
            if (f->k >= BPF_MEMWORDS)
                return false;
            a = memory[f->k];
            break;
        case BPF_ST:
            if (f->k >= BPF_MEMWORDS)
                return false;
            memory[f->k] = a;
            break;
        case BPF_MISC | BPF_TAX:
            x = a;
            break;
        case BPF_MISC | BPF_TXA:
            a = x;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= f->k;
            break;
        case BPF_JMP | BPF_JA:
            pc += f->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == f->k ? f->jt : f->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            pc += a > f->k ? f->jt : f->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            pc += a >= f->k ? f->jt : f->jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            pc += (a & f->k) != 0 ? f->jt : f->jf;
            break;
        case BPF_RET | BPF_K:
            *verdict = f->k;
            return true;
        default:
            return false;
        }
    }
    return false;
}

/* Two filters that a process has: the stricter verdict counts, of equals that of the one that was loaded last. */
static inline uint32_t bpf_stricter(uint32_t first, uint32_t last)
{
    return (int32_t)(first & SECCOMP_RET_ACTION_FULL) < (int32_t)(last & SECCOMP_RET_ACTION_FULL) ? first : last;
}
