// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Which path shows what: the published world through the views.
#pragma once

#include <map>
#include <string>

#include "daemon/published.h"
#include "daemon/world.h"
#include "serve/server.h"

namespace taskleak {

/// Handlers that render the newest `world`, which must outlive them.
std::map<std::string, HttpHandler> make_routes(const Published<World>& world);

}  // namespace taskleak
