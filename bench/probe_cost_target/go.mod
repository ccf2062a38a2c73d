module probe_cost_target

go 1.21
