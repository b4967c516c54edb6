package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// The plot's measures, in units of which 420 are its width: narrow, so it is
// readable on a phone.
const (
	plotWidth   = 420
	plotLeft    = 134 // left end of bars, right of the names
	plotBar     = 220 // the longest
	barHeight   = 13
	rowMargin   = 9
	panelMargin = 22
)

// plotStyle has its own background: the page around can be dark if the reader's
// system is not.
const plotStyle = `<style>
text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.value { font-size: 12px }
.paper { fill: #fff }
.first { fill: #57606a } .second { fill: #afb8c1 } .third { fill: #d8dee4 }
.bellhop.first { fill: #0a58ca } .bellhop.second { fill: #86b7fe } .bellhop.third { fill: #c6dcff }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.paper { fill: #0d1117 }
.first { fill: #9da7b3 } .second { fill: #57606a } .third { fill: #3a424c }
.bellhop.first { fill: #6cb0ff } .bellhop.second { fill: #2f64a8 } .bellhop.third { fill: #1f4472 }
}
</style>
`

// barClasses are the classes of a subject's bars, in plotStyle.
var barClasses = [...]string{"first", "second", "third"}

// plot returns an SVG with a panel for each subject, with a bar for each
// measure of each program.
func (c *comparison) plot() []byte {
	var b bytes.Buffer
	y := panelMargin
	for _, s := range c.subjects() {
		y = c.panel(&b, s, y) + panelMargin
	}
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img" aria-labelledby="about">
<title id="about">Bellhop beside %s: what performance.md has as a table</title>
%s<rect class="paper" width="100%%" height="100%%" rx="8"/>
`, plotWidth, y, plotWidth*4/3, strings.Join(c.otherNames(), ", "), plotStyle)
	return append(append([]byte(head), b.Bytes()...), "</svg>\n"...)
}

func (c *comparison) otherNames() (names []string) {
	_, others := c.bellhop()
	for _, m := range others {
		names = append(names, m.Name)
	}
	return names
}

// panel draws a subject from y on, and returns its lower end.
func (c *comparison) panel(b *bytes.Buffer, s subject, y int) int {
	better := "less is better"
	if s.more {
		better = "more is better"
	}
	fmt.Fprintf(b, `<text class="title" x="12" y="%d">%s</text>`+"\n", y+8, s.title)
	y += 28
	for i, m := range s.measures {
		x := 12 + i*98
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="10" height="10"/><text x="%d" y="%d">%s</text>`, barClasses[i], x, y-10, x+15, y, m.name)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", plotWidth-12, y, better)
	y += 10
	var longest float64
	for _, m := range c.Programs {
		for _, measure := range s.measures {
			if value := median(m.all(measure.of)); value > longest { // and no NaN
				longest = value
			}
		}
	}
	for _, m := range c.Programs {
		fmt.Fprintf(b, `<text x="12" y="%d">%s</text>`+"\n", y+barHeight+4, m.Name)
		for i, measure := range s.measures {
			class, values := barClasses[i], m.all(measure.of)
			if m.Name == "Bellhop" {
				class = "bellhop " + class
			}
			var length float64
			if value := median(values); value > 0 {
				length = plotBar * value / longest
			}
			top := y + i*barHeight
			fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"><title>%s to %s</title></rect>`, class, plotLeft, top, length, barHeight-1,
				number(slices.Min(values)), number(slices.Max(values)))
			fmt.Fprintf(b, `<text class="value" x="%.1f" y="%d">%s</text>`+"\n", plotLeft+length+4, top+barHeight-2, number(median(values)))
		}
		y += len(s.measures)*barHeight + rowMargin
	}
	return y
}
