"""The widgets, and what a screen calls on them.

segment_table.Column(key, title, width|None, align="left"|"right", drop=0, least=20)
segment_table.RowTable(columns, source, empty_text="")   source: RowSource (__len__, cells(i), key(i)[, index_of(key)])
    .cursor .cursor_key .row_count .source .shown_columns .empty_text   .set_source(source, keep_key=True)
    .set_columns(columns) .refresh_row(i) .refresh_rows() .go_to_key(key)
    messages RowTable.Highlighted(index, key), RowTable.Chosen(index, key); Rows([(key, cells)]) is a ready source
line_chart.LineChart(title, x_label="step")   .set_series(name, xs, ys) .append(name, x, y) .mark(x) .clear() .log_y
waveform.Waveform()   .show(peaks, (start_ms, end_ms), full=0.3, stretches=[Stretch(0, 0.2, "0")]) .show_playhead(at_ms)
    .clear(why)
mel.MelPicture(title)   .show(mel, title=None) .clear()
recording_strip.RecordingStrip()   .show(spans, reviewed) .mark((start_ms, end_ms))
    message RecordingStrip.Sought(at_ms)
text_block.TextBlock()   .show([(text, style)])   wrapped by cells into the height there is
log_tail.LogTail(max_lines=2000)   .append_lines(lines) .clear() .following
status_bar.StatusBar()   .update_place(name) .update_gpu(text) .update_job(JobProgress|None)
    .update_steps([StepTab, ...])
status_bar.KeyFooter(keys)   .set_keys([(key, label), ...])
diff_text.marked_diff(truth, guess) -> (Text, Text); DiffText().show(truth, guess, labels)
folded_lines.FoldedLines   fold_at(width) -> lines, .fold_anew(); fold(runs, width): as high as its text is
dialog.Choice(title, text, [(key, label)]) -> key | None; Message(title, what, why, fix) or Message.of(UserError);
    TextPrompt(title, value, check) -> str | None; HelpScreen(title, sentence, [(key, label)], more)
cells: harmless, cut, fit, glyphs(app), is_ascii(app); the pictures themselves are drawn in tui/raster
"""
