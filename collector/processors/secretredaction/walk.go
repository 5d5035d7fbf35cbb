package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
)

// walker goes through one request. A test walks OTLP's own definition and fails for a string that it leaves out.
type walker struct {
	*secretRedaction
	keepContent bool
	scratch     scratch
	// What is known of keys: without and with content.
	keysSeen [2]seen[keyFacts]
	// Of the records before, the attributes at each place: the next one has often the same. Without and with content.
	records [2][mostRemembered]remembered
	// record counts for the record at hand, resource for a resource, its scopes and its metrics' texts.
	record, resource *tally
	// Of the whole request, for the collector's own metrics.
	total *tally
}

// Attributes of a record that are remembered.
const mostRemembered = 32

// remembered is what a record had: its key, and a value of that key in which nothing was found, persons included.
type remembered struct {
	key   string
	facts keyFacts
	clean string
}

func (w *walker) traces(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		w.resourceTexts(rs.Resource(), rs.SchemaUrl, rs.SetSchemaUrl)
		for _, ss := range rs.ScopeSpans().All() {
			w.scope(ss.Scope(), ss.SchemaUrl, ss.SetSchemaUrl)
			for _, span := range ss.Spans().All() {
				w.span(span)
				w.write(w.record, span.Attributes())
			}
		}
		w.write(w.resource, rs.Resource().Attributes())
	}
}

func (w *walker) span(span ptrace.Span) {
	t := w.record
	w.text(span.Name(), span.SetName, t)
	w.text(span.TraceState().AsRaw(), span.TraceState().FromRaw, t)
	w.text(span.Status().Message(), span.Status().SetMessage, t)
	w.attributes(span.Attributes(), t)
	for _, event := range span.Events().All() {
		w.text(event.Name(), event.SetName, t)
		w.attributes(event.Attributes(), t)
	}
	for _, link := range span.Links().All() {
		w.text(link.TraceState().AsRaw(), link.TraceState().FromRaw, t)
		w.attributes(link.Attributes(), t)
	}
}

func (w *walker) logs(ld plog.Logs) {
	for _, rl := range ld.ResourceLogs().All() {
		w.resourceTexts(rl.Resource(), rl.SchemaUrl, rl.SetSchemaUrl)
		for _, sl := range rl.ScopeLogs().All() {
			w.scope(sl.Scope(), sl.SchemaUrl, sl.SetSchemaUrl)
			for _, record := range sl.LogRecords().All() {
				w.logRecord(record)
				w.write(w.record, record.Attributes())
			}
		}
		w.write(w.resource, rl.Resource().Attributes())
	}
}

func (w *walker) logRecord(record plog.LogRecord) {
	t := w.record
	if !w.keepContent && record.Body().Type() != pcommon.ValueTypeEmpty && w.isContentEvent(record) {
		pcommon.NewValueEmpty().CopyTo(record.Body())
		t.content++
		t.some = true
	}
	w.text(record.EventName(), record.SetEventName, t)
	w.text(record.SeverityText(), record.SetSeverityText, t)
	w.value(record.Body(), t)
	w.attributes(record.Attributes(), t)
}

func (w *walker) isContentEvent(record plog.LogRecord) bool {
	if w.contentEvents[record.EventName()] {
		return true
	}
	// The attribute by which events were named before OTLP had a field for it.
	name, ok := record.Attributes().Get("event.name")
	return ok && name.Type() == pcommon.ValueTypeStr && w.contentEvents[name.Str()]
}

func (w *walker) metrics(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		w.resourceTexts(rm.Resource(), rm.SchemaUrl, rm.SetSchemaUrl)
		for _, sm := range rm.ScopeMetrics().All() {
			w.scope(sm.Scope(), sm.SchemaUrl, sm.SetSchemaUrl)
			for _, metric := range sm.Metrics().All() {
				w.metric(metric)
			}
		}
		w.write(w.resource, rm.Resource().Attributes())
	}
}

func (w *walker) metric(metric pmetric.Metric) {
	w.text(metric.Name(), metric.SetName, w.resource)
	w.text(metric.Description(), metric.SetDescription, w.resource)
	w.text(metric.Unit(), metric.SetUnit, w.resource)
	// Attributes of the metric itself, which no table has.
	metric.Metadata().RemoveIf(func(string, pcommon.Value) bool { return true })
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		for _, point := range metric.Gauge().DataPoints().All() {
			w.point(point.Attributes(), point.Exemplars())
		}
	case pmetric.MetricTypeSum:
		for _, point := range metric.Sum().DataPoints().All() {
			w.point(point.Attributes(), point.Exemplars())
		}
	case pmetric.MetricTypeHistogram:
		for _, point := range metric.Histogram().DataPoints().All() {
			w.point(point.Attributes(), point.Exemplars())
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, point := range metric.ExponentialHistogram().DataPoints().All() {
			w.point(point.Attributes(), point.Exemplars())
		}
	case pmetric.MetricTypeSummary:
		for _, point := range metric.Summary().DataPoints().All() {
			w.point(point.Attributes(), pmetric.NewExemplarSlice())
		}
	}
}

func (w *walker) point(attributes pcommon.Map, exemplars pmetric.ExemplarSlice) {
	w.attributes(attributes, w.record)
	for _, exemplar := range exemplars.All() {
		w.attributes(exemplar.FilteredAttributes(), w.record)
	}
	w.write(w.record, attributes)
}

func (w *walker) resourceTexts(resource pcommon.Resource, schemaURL func() string, set func(string)) {
	// Which attributes identify what: names a client chooses, in no table.
	entity.ResourceEntityRefs(resource).RemoveIf(func(entity.EntityRef) bool { return true })
	w.attributes(resource.Attributes(), w.resource)
	w.text(schemaURL(), set, w.resource)
}

func (w *walker) scope(scope pcommon.InstrumentationScope, schemaURL func() string, set func(string)) {
	w.text(scope.Name(), scope.SetName, w.resource)
	w.text(scope.Version(), scope.SetVersion, w.resource)
	w.attributes(scope.Attributes(), w.resource)
	w.text(schemaURL(), set, w.resource)
}

func (w *walker) text(text string, set func(string), t *tally) {
	if len(text) < shortestSecret {
		return
	}
	if redacted, changed := w.redactor.redact(text, t, &w.scratch); changed {
		set(redacted)
	}
}

// attributes drops what is not allowed and redacts the rest.
func (w *walker) attributes(attributes pcommon.Map, t *tally) {
	renamed, number := false, 0
	records := &w.records[0]
	if w.keepContent {
		records = &w.records[1]
	}
	attributes.RemoveIf(func(key string, value pcommon.Value) bool {
		before := &records[number%len(records)]
		number++
		if before.key != key {
			*before = remembered{key: key, facts: w.factsOf(key)}
		}
		facts := &before.facts
		if facts.plain && value.Type() == pcommon.ValueTypeStr {
			text := value.Str()
			if len(text) < shortestSecret || text == before.clean {
				return false
			}
			if redacted, changed := w.redactor.redact(text, t, &w.scratch); changed {
				value.SetStr(redacted)
			} else if w.scratch.personal != nil && len(text) <= longestSeen {
				before.clean = text
			}
			return false
		}
		switch facts.fate {
		case keepListed:
			w.value(value, t)
			return false
		case keepIdentity:
			w.identity(value, t)
			w.whole(value, t)
			return false
		case keepOther:
			renamed = w.entry(*facts, value, t) || renamed
			w.whole(value, t)
			return false
		case dropContent:
			t.content++
		case dropUnknown:
			t.dropped++
			w.logDropped(key, &w.scratch)
		case dropReserved:
			return true
		}
		t.some = true
		return true
	})
	if renamed {
		w.rename(attributes, t)
	}
}

// keyFacts is all that is asked of a key.
type keyFacts struct {
	fate fate
	// Whether it says nothing of its value and is left as it is.
	plain bool
	// Of a key that may be anything: what it says of its value's being a secret, whether it names a person, and whether it
	// needs redaction itself.
	named             strength
	identity, renamed bool
}

func (w *walker) factsOf(key string) keyFacts {
	known := &w.keysSeen[0]
	if w.keepContent {
		known = &w.keysSeen[1]
	}
	slot := known.at(key)
	if slot != nil && slot.text == key {
		return slot.value
	}
	facts := keyFacts{fate: w.keys.of(key, w.keepContent)}
	if facts.fate == keepOther {
		w.addContents(&facts, key)
	}
	facts.plain = facts.fate == keepListed || facts.fate == keepOther && facts.named == noSecret && !facts.identity && !facts.renamed
	if slot != nil {
		slot.text, slot.value = key, facts
	}
	return facts
}

// addContents adds what the words of a key say.
func (w *walker) addContents(facts *keyFacts, key string) {
	facts.identity = w.identityKeys[key]
	if !facts.identity {
		facts.named = w.redactor.secretName(key, &w.scratch)
	}
	facts.renamed = w.redactor.mayChange(key, &w.scratch)
}

// entry redacts the value of a key that may be anything, and tells whether the key needs redaction too.
func (w *walker) entry(facts keyFacts, value pcommon.Value, t *tally) bool {
	if facts.identity {
		w.identity(value, t)
	} else {
		w.strings(value, facts.named, t)
	}
	return facts.renamed
}

// rename handles the rare case of a secret in a key: the map is rebuilt. Of equal keys the first counts.
func (w *walker) rename(attributes pcommon.Map, t *tally) {
	clean := pcommon.NewMap()
	changed := false
	for key, value := range attributes.All() {
		name, isNew := w.redactor.redact(key, t, &w.scratch)
		changed = changed || isNew
		if _, exists := clean.Get(name); !exists {
			value.CopyTo(clean.PutEmpty(name))
		}
	}
	if changed {
		clean.CopyTo(attributes)
	}
}

// value redacts a value that stands under no name that says something of it.
func (w *walker) value(value pcommon.Value, t *tally) {
	w.strings(value, noSecret, t)
	w.whole(value, t)
}

// whole finds what shows in a whole list or map alone: an option and its value among arguments, a name and its value. The
// exporter stores JSON of either, and stores the redacted JSON instead.
func (w *walker) whole(value pcommon.Value, t *tally) {
	if value.Type() == pcommon.ValueTypeSlice || value.Type() == pcommon.ValueTypeMap {
		w.text(value.AsString(), value.SetStr, t)
	}
}

// strings redacts strings at any depth. `named`: what the name above it says of its being a secret.
func (w *walker) strings(value pcommon.Value, named strength, t *tally) {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		if text := value.Str(); !w.isNamedSecret(text, named, value.SetStr, t) {
			w.text(text, value.SetStr, t)
		}
	case pcommon.ValueTypeInt:
		w.isNamedSecret(value.AsString(), named, value.SetStr, t)
	case pcommon.ValueTypeBytes:
		if w.isNamedSecret(string(value.Bytes().AsRaw()), named, value.SetStr, t) {
			return
		}
		// Base64, in which bytes are stored, would only hide a secret from the patterns.
		if redacted, changed := w.redactor.redact(string(value.Bytes().AsRaw()), t, &w.scratch); changed {
			value.Bytes().FromRaw([]byte(redacted))
		}
	case pcommon.ValueTypeSlice:
		for _, element := range value.Slice().All() {
			w.strings(element, named, t)
		}
	case pcommon.ValueTypeMap:
		renamed := false
		for key, element := range value.Map().All() {
			var facts keyFacts
			w.addContents(&facts, key)
			renamed = w.entry(facts, element, t) || renamed
		}
		if renamed {
			w.rename(value.Map(), t)
		}
	}
}

// isNamedSecret replaces what is a secret by its name.
func (w *walker) isNamedSecret(text string, named strength, set func(string), t *tally) bool {
	if !w.redactor.isNamedSecret(text, named, &w.scratch.ahead) {
		return false
	}
	set(w.redactor.rules[w.redactor.named].placeholder)
	t.masked[w.redactor.named]++
	t.some = true
	return true
}

// identity replaces a value that names a person, in any form.
func (w *walker) identity(value pcommon.Value, t *tally) {
	switch {
	case w.scratch.personal == nil || w.email < 0 || w.login < 0:
		w.strings(value, noSecret, t)
	case value.Type() == pcommon.ValueTypeStr:
		text, rule := w.redactor.redactIdentity(value.Str(), w.email, w.login, &w.scratch)
		if rule < 0 {
			w.text(text, value.SetStr, t)
			return
		}
		value.SetStr(text)
		t.masked[rule]++
		t.some = true
	case value.Type() == pcommon.ValueTypeSlice:
		for _, element := range value.Slice().All() {
			w.identity(element, t)
		}
	default:
		w.strings(value, noSecret, t)
	}
}

// write puts the counts on the record that they are of, and adds them to the request's.
func (w *walker) write(t *tally, attributes pcommon.Map) {
	if !t.some {
		return
	}
	put := func(name string, count int) {
		if count > 0 && w.countPrefix != "" {
			attributes.PutInt(name, int64(count))
		}
	}
	for rule, count := range t.masked {
		put(w.maskedNames[rule], count)
		w.total.masked[rule] += count
	}
	put(w.droppedName, t.dropped)
	put(w.contentName, t.content)
	w.total.dropped += t.dropped
	w.total.content += t.content
	w.total.some = true
	t.reset()
}
