//! Names and meanings of all metrics, in the order of the page.
//!
//! Counters have the names that they have in the summary, so that `received + rebuilt = exported +
//! rejected` can be queried, too.

dnsflow_service::families! {
    BUILD Gauge "dnsflow_build_info" ["version" "arch"]
        "Always 1; the labels say what runs.",
    CORES Gauge "dnsflow_cores" []
        "Cores that the sensor was started on.",
    CORE_UP Gauge "dnsflow_core_up" ["core"]
        "1 if the core answered within a second, 0 if it is stuck; the other metrics of a stuck core are missing.",
    RELOADS Counter "dnsflow_reloads_total" ["result"]
        "Reloads of the configuration, by result: ok or failed.",
    LAST_RELOAD Gauge "dnsflow_last_reload_successful" []
        "1 if the last reload was applied, or there was none; 0 if the settings before it are still in force.",
    RECEIVED Counter "dnsflow_received_total" ["core" "interface"]
        "Packets that capture gave.",
    REBUILT Counter "dnsflow_rebuilt_total" ["core" "interface"]
        "Datagrams put together from fragments, and messages found in TCP streams.",
    EXPORTED Counter "dnsflow_exported_total" ["core" "interface"]
        "Responses that were exported.",
    REJECTED Counter "dnsflow_rejected_total" ["core" "interface" "reason"]
        "Packets and messages that gave no record, by the one reason for it.",
    LOST Counter "dnsflow_lost_total" ["core" "interface" "reason"]
        "Parts of datagrams, streams and messages that never became whole, and responses exported without all of their names.",
    SAMPLE_RATE Gauge "dnsflow_sample_rate" ["core"]
        "1 of this many packets is kept: 1 if all are, more by --sample, and for the time of overload by --overload.",
    KERNEL_PACKETS Counter "dnsflow_kernel_packets_total" ["core" "interface"]
        "Packets that passed the capture filter in the kernel, dropped ones included.",
    KERNEL_DROPS Counter "dnsflow_kernel_drops_total" ["core" "interface"]
        "Packets that the kernel dropped because the ring was full.",
    KERNEL_FREEZES Counter "dnsflow_kernel_ring_freezes_total" ["core" "interface"]
        "How often a ring became full.",
    KERNEL_DAMAGED Counter "dnsflow_kernel_damaged_total" ["core" "interface"]
        "Packets that could not be read because a header in their ring block is wrong.",
    INTERFACE_UP Gauge "dnsflow_interface_up" ["interface"]
        "1 if the interface is there and up for every core that answered, 0 if it is down or away.",
    INTERFACE_DROPS Counter "dnsflow_interface_drops_total" ["interface"]
        "Packets that the interface itself had no room for, before any core could count them.",
    SETS Counter "dnsflow_sent_sets_total" ["core"]
        "Data sets that were put into datagrams; a response too large for one takes several.",
    DATAGRAMS Counter "dnsflow_sent_datagrams_total" ["core"]
        "Datagrams, data and stats, each once however many collectors there are.",
    AGES Histogram "dnsflow_record_age_seconds" ["core"]
        "Age of the oldest record of each send: from capture until it was given to the network.",
    COLLECTOR Gauge "dnsflow_collector_info" ["collector" "address"]
        "Always 1; the labels say where the name of a collector leads now.",
    COLLECTOR_DATAGRAMS Counter "dnsflow_collector_datagrams_total" ["core" "collector"]
        "Datagrams that were sent to the collector, failed ones included.",
    COLLECTOR_FAILED Counter "dnsflow_collector_failed_datagrams_total" ["core" "collector"]
        "Datagrams that the network or the collector did not take.",
    OUTPUT_UP Gauge "dnsflow_output_up" ["output"]
        "1 if the file of --write or standard output is written, 0 if it has failed and takes nothing more.",
    OUTPUT_DROPPED Counter "dnsflow_output_dropped_total" ["output"]
        "Datagrams (--write) or lines (--print) that the output did not take: it was blocked, or has failed.",
    HELD_DATAGRAMS Gauge "dnsflow_held_datagrams" ["core"]
        "Datagrams of which fragments are missing.",
    HELD_DATAGRAM_BYTES Gauge "dnsflow_held_datagram_bytes" ["core"]
        "Memory of those.",
    HELD_STREAMS Gauge "dnsflow_held_streams" ["core"]
        "TCP streams that are followed.",
    HELD_STREAM_BYTES Gauge "dnsflow_held_stream_bytes" ["core"]
        "Memory of what waits in those.",
    PROCESS_START Gauge "process_start_time_seconds" []
        "When the sensor was started, in seconds since 1970.",
    PROCESS_CPU Counter "process_cpu_seconds_total" []
        "CPU time of the whole process, user and system.",
    PROCESS_MEMORY Gauge "process_resident_memory_bytes" []
        "Resident memory of the whole process, rings included.",
}
