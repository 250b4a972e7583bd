// libvterm's own file: its structures are private to it.
#include "libvterm/screen.c"

#include "coop_vterm.h"

static uint32_t flatten_color(const VTermColor *color) {
    if (color->type & VTERM_COLOR_DEFAULT_MASK) return 0;
    if (VTERM_COLOR_IS_INDEXED(color)) return 0x01000000u | color->indexed.idx;
    return 0x02000000u | (uint32_t)color->rgb.red << 16 | (uint32_t)color->rgb.green << 8 | color->rgb.blue;
}

void coop_vterm_flatten(const VTermScreenCell *from, struct coop_cell *to) {
    for (int index = 0; index < VTERM_MAX_CHARS_PER_CELL; index++) to->chars[index] = from->chars[index];
    for (int index = 0, ended = 0; index < VTERM_MAX_CHARS_PER_CELL; index++) {
        // What follows the end is left over from before.
        if (!to->chars[index]) ended = 1;
        if (ended) to->chars[index] = 0;
    }
    to->foreground = flatten_color(&from->fg);
    to->background = flatten_color(&from->bg);
    to->width = (uint32_t)from->width;
    if (to->chars[0] == (uint32_t)-1) {
        for (int index = 0; index < VTERM_MAX_CHARS_PER_CELL; index++) to->chars[index] = 0;
        to->width = 0;
    }
    to->attributes = (from->attrs.bold ? COOP_BOLD : 0) | (from->attrs.italic ? COOP_ITALIC : 0)
        | (from->attrs.blink ? COOP_BLINK : 0) | (from->attrs.reverse ? COOP_REVERSE : 0)
        | (from->attrs.conceal ? COOP_CONCEAL : 0) | (from->attrs.strike ? COOP_STRIKE : 0)
        | from->attrs.underline * COOP_UNDERLINE | (from->attrs.dwl ? COOP_DOUBLE_WIDTH : 0)
        | from->attrs.dhl * COOP_DOUBLE_HEIGHT;
}

int coop_vterm_cell(VTermScreen *screen, int buffer, int row, int column, struct coop_cell *cell) {
    if (buffer < 0 || buffer > 1 || !screen->buffers[buffer]) return 0;
    ScreenCell *current = screen->buffer;
    unsigned reverse = screen->global_reverse;
    VTermScreenCell found;
    screen->buffer = screen->buffers[buffer];
    // The reversed screen is a mode of its own; cells are as they were written.
    screen->global_reverse = 0;
    int result = vterm_screen_get_cell(screen, (VTermPos){row, column}, &found);
    screen->buffer = current;
    screen->global_reverse = reverse;
    if (!result) return 0;
    coop_vterm_flatten(&found, cell);
    return 1;
}

void coop_vterm_modes(VTerm *terminal, struct coop_modes *modes) {
    VTermState *state = vterm_obtain_state(terminal);
    VTermEncoding *drawing = vterm_lookup_encoding(ENC_SINGLE_94, '0');
    *modes = (struct coop_modes){
        .row = state->pos.row, .column = state->pos.col, .is_past_end = state->at_phantom,
        .top = state->scrollregion_top, .bottom = SCROLLREGION_BOTTOM(state),
        .left = SCROLLREGION_LEFT(state), .right = SCROLLREGION_RIGHT(state), .has_margins = state->mode.leftrightmargin,
        .keypad = state->mode.keypad, .cursor_keys = state->mode.cursor, .autowrap = state->mode.autowrap,
        .insert = state->mode.insert, .newline = state->mode.newline, .origin = state->mode.origin,
        .reverse_screen = state->mode.screen, .bracketed_paste = state->mode.bracketpaste,
        .reports_focus = state->mode.report_focus, .cursor_visible = state->mode.cursor_visible,
        .cursor_blink = state->mode.cursor_blink, .cursor_shape = state->mode.cursor_shape,
        .is_alternate = state->mode.alt_screen,
        .mouse = state->mouse_flags & MOUSE_WANT_MOVE ? 3 : state->mouse_flags & MOUSE_WANT_DRAG ? 2 : state->mouse_flags ? 1 : 0,
        .mouse_protocol = state->mouse_protocol, .shift = state->gl_set,
        .saved_row = state->saved.pos.row, .saved_column = state->saved.pos.col,
    };
    for (int index = 0; index < 4; index++) modes->draws[index] = state->encoding[index].enc == drawing;
}

static void flatten_pen(const struct VTermPen *pen, struct coop_cell *to) {
    VTermScreenCell cell = {.fg = pen->fg, .bg = pen->bg};
    cell.attrs.bold = pen->bold;
    cell.attrs.underline = pen->underline;
    cell.attrs.italic = pen->italic;
    cell.attrs.blink = pen->blink;
    cell.attrs.reverse = pen->reverse;
    cell.attrs.conceal = pen->conceal;
    cell.attrs.strike = pen->strike;
    coop_vterm_flatten(&cell, to);
}

void coop_vterm_pen(VTerm *terminal, struct coop_cell *pen) { flatten_pen(&vterm_obtain_state(terminal)->pen, pen); }

void coop_vterm_saved_pen(VTerm *terminal, struct coop_cell *pen) {
    flatten_pen(&vterm_obtain_state(terminal)->saved.pen, pen);
}

int coop_vterm_is_tab_stop(VTerm *terminal, int column) {
    const VTermState *state = vterm_obtain_state(terminal);
    return column >= 0 && column < state->cols && (state->tabstops[column >> 3] >> (column & 7) & 1);
}
