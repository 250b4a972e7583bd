// What the screen of a terminal holds beyond libvterm's public interface: both buffers, modes, pen, tab stops.
#ifndef COOP_VTERM_H
#define COOP_VTERM_H

#include "vterm.h"

enum {
    COOP_BOLD = 1, COOP_ITALIC = 2, COOP_BLINK = 4, COOP_REVERSE = 8, COOP_CONCEAL = 16, COOP_STRIKE = 32,
    COOP_UNDERLINE = 64,         // two bits: single, double, curly
    COOP_DOUBLE_WIDTH = 256,
    COOP_DOUBLE_HEIGHT = 512,    // two bits: top, bottom
};

/// One cell, in a form that Swift reads without bit-fields. A colour is 0 (the default), 0x01000000 and an index, or
/// 0x02000000 and red, green, blue.
struct coop_cell {
    uint32_t chars[VTERM_MAX_CHARS_PER_CELL];
    uint32_t foreground;
    uint32_t background;
    uint32_t attributes;
    uint32_t width;              // 0 for the right half of a wide character
};

struct coop_modes {
    int row, column;
    int is_past_end;             // the next character wraps
    int top, bottom;             // scrolling region, bottom exclusive
    int left, right;
    int has_margins;
    int keypad, cursor_keys, autowrap, insert, newline, origin, reverse_screen, bracketed_paste, reports_focus;
    int cursor_visible, cursor_blink, cursor_shape;
    int is_alternate;
    int mouse, mouse_protocol;   // 1 click, 2 drag, 3 move; 0 X10, 1 UTF-8, 2 SGR, 3 rxvt
    int shift;                   // which of G0…G3 is in use
    int draws[4];                // whether it is the line-drawing set
    int saved_row, saved_column;
};

void coop_vterm_flatten(const VTermScreenCell *from, struct coop_cell *to);
/// A cell of the primary (0) or alternate (1) buffer; 0 when there is no such cell.
int coop_vterm_cell(VTermScreen *screen, int buffer, int row, int column, struct coop_cell *cell);
void coop_vterm_modes(VTerm *terminal, struct coop_modes *modes);
/// Colours and attributes that the next character gets.
void coop_vterm_pen(VTerm *terminal, struct coop_cell *pen);
/// Those that the cursor was saved with.
void coop_vterm_saved_pen(VTerm *terminal, struct coop_cell *pen);
int coop_vterm_is_tab_stop(VTerm *terminal, int column);

#endif
