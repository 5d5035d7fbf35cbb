package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"context"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

const (
	// Value of a header that requests to keep something.
	keepValue = "keep"
	// Maximum number of keys that are logged, so that an operator can find which to allow; a client that generates keys cannot flood the log.
	maxLoggedKeys = 200
)

// plainKey is a key that can be named in a log.
var plainKey = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,59}$`)

type secretRedaction struct {
	redactor      *redactor
	keys          *keyPolicy
	contentEvents map[string]bool
	contentHeader string
	identityKeys  map[string]bool
	// By which persons are kept, and whose pseudonyms they get otherwise.
	identitiesHeader, organisationHeader string
	pseudonyms                           *pseudonyms
	// Rules of personal data, or -1.
	email, login int

	countPrefix              string
	maskedNames              []string
	droppedName, contentName string

	logger      *zap.Logger
	logged      sync.Map
	loggedCount atomic.Int64

	telemetry *telemetry
	walkers   sync.Pool
}

func newSecretRedaction(config *Config, pseudonyms *pseudonyms, telemetry *telemetry, logger *zap.Logger) *secretRedaction {
	p := &secretRedaction{
		redactor:           newRedactor(config.Rules, config.Vocabulary),
		keys:               newKeyPolicy(config),
		contentEvents:      map[string]bool{},
		contentHeader:      config.KeepContentHeader,
		identityKeys:       map[string]bool{},
		identitiesHeader:   config.KeepIdentitiesHeader,
		organisationHeader: config.OrganisationHeader,
		pseudonyms:         pseudonyms,
		email:              slices.IndexFunc(config.Rules, func(r Rule) bool { return r.Name == emailKind }),
		login:              slices.IndexFunc(config.Rules, func(r Rule) bool { return r.Name == loginKind }),
		countPrefix:        config.CountPrefix,
		droppedName:        config.CountPrefix + "dropped.attributes",
		contentName:        config.CountPrefix + "dropped.content",
		logger:             logger,
		telemetry:          telemetry,
	}
	for _, event := range config.ContentEvents {
		p.contentEvents[event] = true
	}
	for _, key := range config.IdentityKeys {
		p.identityKeys[key] = true
	}
	for _, kind := range kindsOf(config.Rules) {
		p.maskedNames = append(p.maskedNames, config.CountPrefix+"masked."+kind)
	}
	p.walkers.New = func() any {
		return &walker{
			secretRedaction: p,
			record:          p.redactor.newTally(),
			resource:        p.redactor.newTally(),
			total:           p.redactor.newTally(),
		}
	}
	return p
}

// kindsOf returns what is counted in a tally, by its number.
func kindsOf(rules []Rule) []string {
	var kinds []string
	for _, rule := range rules {
		kinds = append(kinds, rule.Name)
	}
	return append(kinds, workLimit)
}

func (p *secretRedaction) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	p.walk(ctx, func(w *walker) { w.traces(td) })
	return td, nil
}

func (p *secretRedaction) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	p.walk(ctx, func(w *walker) { w.logs(ld) })
	return ld, nil
}

func (p *secretRedaction) processMetrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	p.walk(ctx, func(w *walker) { w.metrics(md) })
	return md, nil
}

func (p *secretRedaction) walk(ctx context.Context, through func(*walker)) {
	w := p.walkers.Get().(*walker)
	defer p.walkers.Put(w)
	w.keepContent = hasValue(ctx, p.contentHeader, keepValue)
	w.scratch.personal = p.personal(ctx)
	through(w)
	p.telemetry.add(ctx, w.total)
	w.total.reset()
}

// personal gives what stands in place of persons in this request; nil: they are kept.
func (p *secretRedaction) personal(ctx context.Context) personal {
	if hasValue(ctx, p.identitiesHeader, keepValue) {
		return nil
	}
	organisation := ""
	if values := client.FromContext(ctx).Metadata.Get(p.organisationHeader); p.organisationHeader != "" && len(values) == 1 {
		organisation = values[0]
	}
	return p.pseudonyms.of(organisation)
}

func hasValue(ctx context.Context, header, value string) bool {
	if header == "" {
		return false
	}
	values := client.FromContext(ctx).Metadata.Get(header)
	return len(values) == 1 && values[0] == value
}

// logDropped logs a dropped key once, unless the key itself may be private.
func (p *secretRedaction) logDropped(key string, s *scratch) {
	if p.loggedCount.Load() >= maxLoggedKeys {
		return
	}
	if _, known := p.logged.LoadOrStore(key, struct{}{}); known {
		return
	}
	p.loggedCount.Add(1)
	if plainKey.MatchString(key) && !p.redactor.mayChange(key, s) {
		p.logger.Info("attributes of this key are dropped; name it in additional_allowed_keys to keep them", zap.String("key", key))
	}
}
