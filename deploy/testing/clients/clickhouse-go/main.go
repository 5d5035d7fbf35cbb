// Drives the embedded ClickHouse with clickhouse-go over HTTP, as the collector's exporter and Grafana's
// datasource do. Prints one JSON object per check: {"name", "ok", "detail"}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// An expression of each type family; two rows each, so that offsets and dictionaries have something to do.
var samples = map[string]string{
	"Int8": "toInt8(-1 - number)", "Int16": "toInt16(-1 - number)", "Int32": "toInt32(-1 - number)", "Int64": "toInt64(-1 - number)",
	"Int128": "toInt128(-1 - number)", "Int256": "toInt256(-1 - number)",
	"UInt8": "toUInt8(number)", "UInt16": "toUInt16(number)", "UInt32": "toUInt32(number)", "UInt64": "number",
	"UInt128": "toUInt128(number)", "UInt256": "toUInt256(number)", "Bool": "number = 1",
	"Float32": "toFloat32(number + 0.5)", "Float64": "number + 0.5", "BFloat16": "toBFloat16(number + 0.5)",
	"Decimal": "toDecimal64(number + 0.25, 2)", "Decimal32": "toDecimal32(number + 0.25, 2)", "Decimal64": "toDecimal64(number + 0.25, 2)",
	"Decimal128": "toDecimal128(number + 0.25, 2)", "Decimal256": "toDecimal256(number + 0.25, 2)",
	"String": "repeat('ä', number * 100)", "FixedString": "toFixedString('ab', 4)", "UUID": "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
	"IPv4": "toIPv4('192.0.2.1')", "IPv6": "toIPv6('2001:db8::1')",
	"Date": "toDate('2026-01-02') + number", "Date32": "toDate32('2026-01-02') + number", "DateTime": "toDateTime('2026-01-02 03:04:05', 'UTC')",
	"DateTime32": "toDateTime32('2026-01-02 03:04:05', 'UTC')", "DateTime64": "toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC')",
	"Time": "CAST('12:34:56' AS Time)", "Time64": "CAST('12:34:56.789' AS Time64(3))",
	"Enum": "CAST('a' AS Enum('a' = 1, 'b' = 2))", "Enum8": "CAST('a' AS Enum8('a' = 1, 'b, \\'(' = 2))", "Enum16": "CAST('a' AS Enum16('a' = 1000))",
	"Nullable": "if(number = 0, NULL, toString(number))", "LowCardinality": "toLowCardinality(toString(number))", "Nothing": "NULL",
	"Array": "[[number], []]", "Map": "map('k', number, 'l', 2)", "Tuple": "tuple(number, 'a')",
	"Nested": "CAST([(number, 'a')] AS Nested(a UInt64, b String))", "JSON": "CAST('{\"a\": {\"b\": 1}}' AS JSON)", "Object": "CAST('{\"a\": 1}' AS Object('json'))",
	"Variant": "CAST(number AS Variant(UInt64, String))", "Dynamic": "CAST(number AS Dynamic)", "QBit": "CAST([1, 2, 3, 4] AS QBit(Float32, 4))",
	"AggregateFunction": "arrayReduce('sumState', [number])", "SimpleAggregateFunction": "CAST(number AS SimpleAggregateFunction(sum, UInt64))",
	"Point": "CAST((1, 2) AS Point)", "Ring": "CAST([(1, 2)] AS Ring)", "LineString": "CAST([(1, 2)] AS LineString)", "Polygon": "CAST([[(1, 2)]] AS Polygon)",
	"MultiLineString": "CAST([[(1, 2)]] AS MultiLineString)", "MultiPolygon": "CAST([[[(1, 2)]]] AS MultiPolygon)", "Geometry": "CAST(CAST((1, 2) AS Point) AS Geometry)",
	"IntervalNanosecond": "toIntervalNanosecond(number)", "IntervalMicrosecond": "toIntervalMicrosecond(number)", "IntervalMillisecond": "toIntervalMillisecond(number)",
	"IntervalSecond": "toIntervalSecond(number)", "IntervalMinute": "toIntervalMinute(number)", "IntervalHour": "toIntervalHour(number)",
	"IntervalDay": "toIntervalDay(number)", "IntervalWeek": "toIntervalWeek(number)", "IntervalMonth": "toIntervalMonth(number)",
	"IntervalQuarter": "toIntervalQuarter(number)", "IntervalYear": "toIntervalYear(number)",
}

func report(name string, ok bool, format string, args ...any) {
	line, _ := json.Marshal(map[string]any{"name": name, "ok": ok, "detail": fmt.Sprintf(format, args...)})
	fmt.Println(string(line))
}

func main() {
	if len(os.Args) > 2 {
		checkQueries(os.Args[1], os.Args[2])
		return
	}
	options, err := clickhouse.ParseDSN(os.Args[1])
	if err != nil {
		panic(err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()

	checkTypes(ctx, conn)
	checkInsert(ctx, conn)
	checkErrors(ctx, conn)
}

func checkTypes(ctx context.Context, conn driver.Conn) {
	families, err := conn.Query(ctx, "SELECT name FROM system.data_type_families WHERE alias_to = '' ORDER BY name")
	if err != nil {
		report("types", false, "%v", err)
		return
	}
	var names []string
	for families.Next() {
		var name string
		if err := families.Scan(&name); err != nil {
			report("types", false, "%v", err)
			return
		}
		names = append(names, name)
	}
	for _, name := range names {
		expression, known := samples[name]
		if !known {
			report("type "+name, false, "no sample of this type")
			continue
		}
		ok, detail := readType(ctx, conn, expression)
		report("type "+name, ok, "%s", detail)
	}
}

// A type works when both rows and the column behind it arrive; or it is refused before a byte, by code 48 or
// because clickhouse-go itself does not know it.
func readType(ctx context.Context, conn driver.Conn, expression string) (bool, string) {
	rows, err := conn.Query(ctx, "SELECT "+expression+" AS v, 'end' AS after FROM numbers(2)")
	if err != nil {
		if refused := refusal(err); refused != "" {
			return true, refused
		}
		return false, err.Error()
	}
	defer rows.Close()
	count := 0
	var text string
	for rows.Next() {
		value := reflect.New(rows.ColumnTypes()[0].ScanType())
		var after string
		if err := rows.Scan(value.Interface(), &after); err != nil {
			return false, err.Error()
		}
		if after != "end" {
			return false, fmt.Sprintf("the column behind it is %q", after)
		}
		text = fmt.Sprint(value.Elem().Interface())
		count++
	}
	if err := rows.Err(); err != nil {
		return false, err.Error()
	}
	if count != 2 {
		return false, fmt.Sprintf("%d rows", count)
	}
	return true, "works: " + text
}

func refusal(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "Code: 48") && strings.Contains(text, "cannot be sent in Native"):
		return "refused by the server"
	case strings.Contains(text, "unsupported column type"):
		return "unknown to clickhouse-go"
	case strings.Contains(text, "Code: 50.") || strings.Contains(text, "Code: 44."):
		return "refused by the engine"
	}
	return ""
}

func checkInsert(ctx context.Context, conn driver.Conn) {
	create := `CREATE TABLE go_item (id UInt64, name LowCardinality(String), at DateTime64(9), attributes Map(LowCardinality(String), String), tags Array(String), note Nullable(String)) ENGINE = MergeTree ORDER BY id`
	if err := conn.Exec(ctx, create); err != nil {
		report("create", false, "%v", err)
		return
	}
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO go_item")
	if err != nil {
		report("batch", false, "%v", err)
		return
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for i := 0; i < 10_000; i++ {
		var note *string
		if i%2 == 0 {
			text := fmt.Sprint("note ", i)
			note = &text
		}
		if err := batch.Append(uint64(i), fmt.Sprint("n", i%7), at, map[string]string{"k": "v'"}, []string{"a", "b"}, note); err != nil {
			report("batch", false, "append: %v", err)
			return
		}
	}
	err = batch.Send()
	report("batch", err == nil, "%v", err)

	var count, notes uint64
	var read time.Time
	var attributes map[string]string
	row := conn.QueryRow(ctx, "SELECT count(), countIf(note IS NOT NULL), any(at), any(attributes) FROM go_item WHERE name != {name:String}", clickhouse.Named("name", "n0"))
	err = row.Scan(&count, &notes, &read, &attributes)
	ok := err == nil && count == 8571 && notes == 4285 && read.Equal(at) && attributes["k"] == "v'"
	report("parameters", ok, "%v %v %v %v %v", err, count, notes, read, attributes)

	var rows, bytes uint64
	progressed := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_threads": 1}))
	err = conn.QueryRow(progressed, "SELECT count(), sum(length(note)) FROM go_item").Scan(&rows, new(*uint64))
	report("settings", err == nil && rows == 10_000, "%v %v %v", err, rows, bytes)

	described, err := conn.Query(ctx, "DESC TABLE go_item")
	if err != nil {
		report("desc", false, "%v", err)
		return
	}
	var columns []string
	for described.Next() {
		var name, kind, ignored string
		if err := described.Scan(&name, &kind, &ignored, &ignored, &ignored, &ignored, &ignored); err != nil {
			report("desc", false, "%v", err)
			return
		}
		columns = append(columns, name+" "+kind)
	}
	report("desc", len(columns) == 6 && columns[1] == "name LowCardinality(String)", "%v", columns)
}

func checkErrors(ctx context.Context, conn driver.Conn) {
	for name, check := range map[string]struct{ sql, want string }{
		"unknown table": {"SELECT * FROM nosuch", "Code: 60"},
		"syntax":        {"SELEC 1", "Code: 62"},
		"denied":        {"SELECT * FROM file('/etc/passwd')", "Code: 497"},
		"in execution":  {"SELECT throwIf(number = 1) FROM numbers(2)", "Code: 395"},
	} {
		rows, err := conn.Query(ctx, check.sql)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
		}
		report("error "+name, err != nil && strings.Contains(err.Error(), check.want), "%v", err)
	}
	late, err := conn.Query(ctx, "SELECT number, throwIf(number = 3000000) FROM numbers(5000000)")
	if err == nil {
		for late.Next() {
		}
		err = late.Err()
	}
	report("error in mid-stream", err != nil, "%v", err)

	short, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	slow, err := conn.Query(short, "SELECT count() FROM system.numbers")
	if err == nil {
		for slow.Next() {
		}
		err = slow.Err()
	}
	report("error deadline", errors.Is(err, context.DeadlineExceeded) || (err != nil && strings.Contains(err.Error(), "deadline")) || (err != nil && strings.Contains(err.Error(), "Code: 159")), "%v", err)
}
