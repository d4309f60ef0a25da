/*
 * A QEMU plugin that counts the instructions executed in address ranges.
 * Options: range=LOW:HIGH (hexadecimal), as often as needed; prints "counted N" for each to stderr.
 * The declarations are those of QEMU's plugin interface, version 1, for which Debian packages no header.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
typedef void (*tb_callback)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*exit_callback)(qemu_plugin_id_t, void *);

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, tb_callback);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_callback, void *);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

enum { ADD = 0, MOST = 64 };
static uint64_t low[MOST], high[MOST], count[MOST];
static int ranges;

int qemu_plugin_version = 1;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        const uint64_t address = qemu_plugin_insn_vaddr(insn);
        for (int r = 0; r < ranges; ++r) {
            if (address >= low[r] && address < high[r]) {
                qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD, &count[r], 1);
            }
        }
    }
}

static void finished(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    for (int r = 0; r < ranges; ++r) {
        fprintf(stderr, "counted %" PRIu64 "\n", count[r]);
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc && ranges < MOST; ++i) {
        if (sscanf(argv[i], "range=%" SCNx64 ":%" SCNx64, &low[ranges], &high[ranges]) == 2) {
            ++ranges;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
