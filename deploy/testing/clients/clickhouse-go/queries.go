package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

type query struct {
	Name string `json:"name"`
	SQL  string `json:"sql"`
}

// Runs each query of a JSON file as Grafana's datasource does: through database/sql over HTTP with gzip, every row
// scanned into the type that the driver names for its column. Reports the columns and the number of rows.
func checkQueries(dsn, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	var queries []query
	if err := json.Unmarshal(text, &queries); err != nil {
		panic(err)
	}
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		panic(err)
	}
	options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionGZIP}
	options.Settings = clickhouse.Settings{"max_execution_time": 60}
	db := clickhouse.OpenDB(options)
	defer db.Close()
	for _, each := range queries {
		detail, err := readRows(db, each.SQL)
		if err != nil {
			report(each.Name, false, "%v", err)
		} else {
			report(each.Name, true, "%s", detail)
		}
	}
}

func readRows(db *sql.DB, text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return "", err
	}
	columns := make([]map[string]string, len(types))
	for i, each := range types {
		if each.ScanType() == nil {
			return "", fmt.Errorf("column %s of type %s has no scan type", each.Name(), each.DatabaseTypeName())
		}
		columns[i] = map[string]string{"name": each.Name(), "type": each.DatabaseTypeName(), "scan": each.ScanType().String()}
	}
	count := 0
	for rows.Next() {
		values := make([]any, len(types))
		for i, each := range types {
			values[i] = reflect.New(each.ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
		count++
	}
	detail, _ := json.Marshal(map[string]any{"columns": columns, "rows": count})
	return string(detail), rows.Err()
}
