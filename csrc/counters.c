/* What is counted on a card besides the physics: launches, bytes over PCI Express, ECC errors. The future stays as it is,
 * so none of this is a publish. */
#include "card_internal.h"

#include "fault_kinds.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Change the core and nothing that the future depends on. */
static int update(gaudi_card *card, void (*change)(const gaudi_card *, gaudi_core *, const void *), const void *with,
                  gaudi_error *error)
{
    gaudi_core core;
    int rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    rc = gaudi_section_read(&card->file->core.sequence, sizeof core, &core);
    if (rc == 0) {
        change(card, &core, with);
        gaudi_section_write(&card->file->core.sequence, sizeof core, &core);
    }
    gaudi_write_end(card);
    return rc;
}

static void add_launches(const gaudi_card *card, gaudi_core *core, const void *with)
{
    (void)card;
    core->launches += *(const uint64_t *)with;
}

int gaudi_card_count_launches(gaudi_card *card, uint64_t count, gaudi_error *error)
{
    return update(card, add_launches, &count, error);
}

/* KB/s that the link carries as it is trained, after the line code: 8b/10b up to generation 2, then 128b/130b. */
static uint64_t link_kbps(const gaudi_core *core)
{
    static const uint64_t LANE_KBPS[] = {0, 250000, 500000, 984615, 1969231, 3938462};
    uint64_t lanes = core->pcie_width <= 32 ? core->pcie_width : 32;
    return LANE_KBPS[core->pcie_generation <= 5 ? core->pcie_generation : 5] * lanes;
}

/* Spread what was carried within the last window, what still waits, and `bytes` over the window that ends now; what the
 * link cannot carry in it comes after. */
static void spread(uint32_t *kbps, uint64_t *until_ns, uint64_t old_from_ns, uint64_t from_ns, uint64_t now_ns,
                   uint64_t bytes, uint64_t most_kbps)
{
    uint64_t start_ns = old_from_ns > from_ns ? old_from_ns : from_ns;
    double kilobytes = (double)bytes / 1e3;
    if (*until_ns > start_ns)
        kilobytes += (double)*kbps * (double)(*until_ns - start_ns) / 1e9;
    double span_s = (double)(now_ns - from_ns) / 1e9;
    if (span_s * (double)most_kbps < kilobytes && most_kbps > 0)
        span_s = kilobytes / (double)most_kbps;
    if (!(span_s < 1e6) || !(span_s > 0.0)) /* a corrupt file must not overflow the conversions */
        span_s = 1e6;
    *kbps = (uint32_t)(kilobytes / span_s < 4e9 ? kilobytes / span_s : 4e9);
    *until_ns = from_ns + (uint64_t)(span_s * 1e9);
}

/* Replays per byte by the faults that act now, and the whole replays among `bytes`; which byte completes one follows from
 * how many were carried before, so no replay is lost to small copies. */
static uint64_t replays(const gaudi_card *card, uint64_t before_bytes, uint64_t bytes)
{
    gaudi_faults faults;
    double per_byte = 0.0;
    if (gaudi_section_read(&card->file->faults.sequence, sizeof faults, &faults) != 0)
        return 0;
    for (uint32_t i = 0; i < faults.count && i < GAUDI_FAULT_MAX; i++) {
        const gaudi_fault *f = &faults.fault[i];
        bool is_active = f->kind == GAUDI_FAULT_PCIE_REPLAY && f->injected_ns <= gaudi_box_now(card->box);
        per_byte += is_active && f->degree > 0.0 && f->degree < 1e6 ? f->degree / 1048576.0 : 0.0;
    }
    double count = floor((double)(before_bytes + bytes) * per_byte) - floor((double)before_bytes * per_byte);
    return count > 0.0 && count < 4e9 ? (uint64_t)count : 0;
}

static void add_pcie(const gaudi_card *card, gaudi_core *core, const void *with)
{
    const uint64_t *bytes = with;
    uint64_t now_ns = gaudi_box_now(card->box);
    uint64_t from_ns = now_ns > GAUDI_PCIE_WINDOW_NS ? now_ns - GAUDI_PCIE_WINDOW_NS : 0;
    core->pcie_replay += (uint32_t)replays(card, core->pcie_rx_bytes + core->pcie_tx_bytes, bytes[0] + bytes[1]);
    core->pcie_rx_bytes += bytes[0];
    core->pcie_tx_bytes += bytes[1];
    spread(&core->pcie_rx_kbps, &core->pcie_rx_until_ns, core->pcie_from_ns, from_ns, now_ns, bytes[0],
           link_kbps(core));
    spread(&core->pcie_tx_kbps, &core->pcie_tx_until_ns, core->pcie_from_ns, from_ns, now_ns, bytes[1],
           link_kbps(core));
    core->pcie_from_ns = from_ns;
}

int gaudi_card_count_pcie(gaudi_card *card, uint64_t rx_bytes, uint64_t tx_bytes, gaudi_error *error)
{
    uint64_t bytes[2] = {rx_bytes, tx_bytes};
    return update(card, add_pcie, bytes, error);
}

static bool is_same_row(const gaudi_row *a, const gaudi_row *b)
{
    return a->hbm == b->hbm && a->pseudo_channel == b->pseudo_channel && a->stack_id == b->stack_id &&
           a->bank == b->bank && a->row == b->row;
}

/* A row waits once, and only while there are spares. One that was replaced before is a spare now, which may fail too. */
static void add_row(gaudi_rows *rows, const gaudi_row *row)
{
    for (uint32_t i = 0; i < rows->row_count && i < GAUDI_ROW_MAX; i++) {
        if (rows->row[i].is_pending && is_same_row(&rows->row[i], row))
            return;
    }
    if (rows->row_count < GAUDI_ROW_MAX)
        rows->row[rows->row_count++] = *row;
}

int gaudi_card_count_ecc(gaudi_card *card, const gaudi_rows *delta, gaudi_error *error)
{
    gaudi_rows rows;
    int rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    rc = gaudi_section_read(&card->file->rows.sequence, sizeof rows, &rows);
    for (int i = 0; rc == 0 && i < 2; i++) {
        rows.hbm_corrected[i] += delta->hbm_corrected[i];
        rows.hbm_uncorrected[i] += delta->hbm_uncorrected[i];
        rows.sram_corrected[i] += delta->sram_corrected[i];
        rows.sram_uncorrected[i] += delta->sram_uncorrected[i];
        rows.critical[i] += delta->critical[i];
    }
    for (uint32_t i = 0; rc == 0 && i < delta->row_count && i < GAUDI_ROW_MAX; i++)
        add_row(&rows, &delta->row[i]);
    if (rc == 0)
        gaudi_section_write(&card->file->rows.sequence, sizeof rows, &rows);
    gaudi_write_end(card);
    return rc;
}

/* Rows that waited for a reset are replaced now; a row of the table stays there for good. */
static void reset_rows(gaudi_card *card)
{
    gaudi_rows rows;
    if (gaudi_section_read(&card->file->rows.sequence, sizeof rows, &rows) != 0)
        return;
    rows.hbm_corrected[0] = 0;
    rows.hbm_uncorrected[0] = 0;
    rows.sram_corrected[0] = 0;
    rows.sram_uncorrected[0] = 0;
    rows.critical[0] = 0;
    for (uint32_t i = 0; i < GAUDI_ROW_MAX; i++)
        rows.row[i].is_pending = 0;
    gaudi_section_write(&card->file->rows.sequence, sizeof rows, &rows);
}

void gaudi_counters_reset(gaudi_card *card)
{
    reset_rows(card);
    gaudi_ports_reset(card);
}
