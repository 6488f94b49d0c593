//! The metrics of the collector.

dnsflow_service::families! {
    DATAGRAMS Counter "dnsflow_collect_datagrams_total" ["sensor"]
        "Datagrams that were taken.",
    RECORDS Counter "dnsflow_collect_records_total" ["sensor"]
        "Records in them.",
    LOST Gauge "dnsflow_collect_lost_datagrams" ["sensor"]
        "Datagrams that were sent and have not come, by their sequence numbers. It falls when one comes late.",
    LATE Counter "dnsflow_collect_late_datagrams_total" ["sensor"]
        "Datagrams that came after one that was sent later. They are taken.",
    DOUBLED Counter "dnsflow_collect_doubled_datagrams_total" ["sensor"]
        "Datagrams that came again. They are not taken.",
    RESTARTS Counter "dnsflow_collect_sensor_restarts_total" ["sensor"]
        "How often a stream has started over.",
    LAST Gauge "dnsflow_collect_last_datagram_seconds" ["sensor"]
        "When the newest datagram came, in seconds since 1970-01-01 00:00 UTC.",
    SENSOR Gauge "dnsflow_collect_sensor_counter" ["sensor" "counter"]
        "The counters of a sensor, the sum of its cores, as it has sent them last.",
    STREAMS Gauge "dnsflow_collect_streams" []
        "Streams that are accounted for.",
    REFUSED Counter "dnsflow_collect_refused_datagrams_total" ["reason"]
        "Datagrams that were not taken, by the reason.",
    DROPPED Counter "dnsflow_collect_dropped_datagrams_total" []
        "Datagrams that found no room in the receive buffer. They are lost datagrams of their sensor as well.",
    STORED_BATCHES Counter "dnsflow_collect_store_batches_total" ["store"]
        "Batches that the store has taken.",
    STORED_RECORDS Counter "dnsflow_collect_store_records_total" ["store"]
        "Records that the store has taken.",
    FAILURES Counter "dnsflow_collect_store_failures_total" ["store"]
        "Tries to store that failed and were or are made again.",
    STORE_REFUSED Counter "dnsflow_collect_store_refused_records_total" ["store"]
        "Records that the store will never take.",
    STORE_LOST Counter "dnsflow_collect_store_lost_records_total" ["store"]
        "Records that went beyond the bounds of memory and spool, or were damaged there, before the store got them.",
    WAITING Gauge "dnsflow_collect_store_waiting_records" ["store"]
        "Records that the store has not stored for good yet.",
    STORE_UP Gauge "dnsflow_collect_store_up" ["store"]
        "1 if the last try to store succeeded.",
    MEMORY Gauge "dnsflow_collect_memory_bytes" []
        "Batches in memory.",
    SPOOL Gauge "dnsflow_collect_spool_bytes" []
        "Batches in the spool.",
    SPOOL_MAX Gauge "dnsflow_collect_spool_max_bytes" []
        "The most that may be in the spool; 0 if there is none.",
    UNSPOOLED Counter "dnsflow_collect_unspooled_batches_total" []
        "Batches that could not be written to the spool, and were in memory alone.",
    MAP_ENTRIES Gauge "dnsflow_collect_map_entries" []
        "Entries of the map of names.",
    MAP_NAMES Gauge "dnsflow_collect_map_names" []
        "Different chains of names in it.",
    MAP_BYTES Gauge "dnsflow_collect_map_bytes" []
        "Its memory.",
    MAP_LOOKUPS Counter "dnsflow_collect_map_lookups_total" []
        "Addresses of records that it has learned.",
    MAP_EVICTED Counter "dnsflow_collect_map_evicted_entries_total" []
        "Entries that went because there was no more memory.",
    MAP_DROPPED Counter "dnsflow_collect_map_dropped_entries_total" []
        "Entries that went because a client had too many names for one address.",
    MAP_LEFT_OUT Counter "dnsflow_collect_map_left_out_addresses_total" []
        "Addresses of records that have more than 64.",
    SNAPSHOTS Counter "dnsflow_collect_map_snapshots_total" []
        "Snapshots of the map that were written.",
    SNAPSHOT_FAILURES Counter "dnsflow_collect_map_snapshot_failures_total" []
        "Snapshots that could not be written.",
    QUESTIONS Counter "dnsflow_collect_questions_total" ["matched"]
        "Questions that were answered, by how names were found.",
    SERVE_REFUSED Counter "dnsflow_collect_serve_refused_total" ["reason"]
        "Questions, requests and connections of the naming service that were refused, by the reason.",
    BUILD Gauge "dnsflow_collect_build_info" ["version" "arch"]
        "Always 1; its labels say what runs.",
    PROCESS_START Gauge "process_start_time_seconds" []
        "When the process has started, in seconds since 1970-01-01 00:00 UTC.",
    PROCESS_CPU Counter "process_cpu_seconds_total" []
        "CPU time that the process has used.",
    PROCESS_MEMORY Gauge "process_resident_memory_bytes" []
        "Resident memory of the process.",
}
