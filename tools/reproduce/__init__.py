"""The tables of the papers that Pointillist follows, measured again and printed beside what was published."""
