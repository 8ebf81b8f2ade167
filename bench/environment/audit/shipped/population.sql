-- A few thousand rows in the tables that the audit asks for plans of, so that the planner has a choice and makes it by
-- cost. Nothing here is a real person's.
INSERT INTO customers (customer_number, first_name, last_name, date_of_birth, email, address_line1, city, state,
                       postal_code)
SELECT 'C' || lpad(n::text, 9, '0'), 'Given' || n % 50, 'Family' || n, '1980-01-01', 'user' || n || '@example.com',
       n || ' Main Street', 'Austin', 'TX', lpad((n % 1000)::text, 5, '0')
FROM generate_series(1, 3000) AS n;

INSERT INTO policies (policy_number, customer_id, product, state, status, effective_date, expiration_date, term_months,
                      premium, billing_plan, underwriting_tier, coverage, bound_at)
SELECT 'AU' || lpad(n::text, 10, '0'), c.id, 'auto', 'TX', CASE n % 20 WHEN 0 THEN 'active' ELSE 'expired' END,
       DATE '2020-01-01' + n::int % 1500, DATE '2020-07-01' + n::int % 1500, 6, 600, 'full', 'standard',
       jsonb_build_object('limits', '{}'::jsonb, 'vehicles', jsonb_build_array(jsonb_build_object('vin', 'VIN' || n))),
       now()
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM customers) AS c;

INSERT INTO claims (claim_number, policy_id, status, loss_type, loss_date, loss_state, reported_at, reported_by,
                    description, deductible, closed_at)
SELECT 'CL' || lpad(p.n::text, 10, '0'), p.id, CASE p.n % 40 WHEN 0 THEN 'reported' ELSE 'closed' END, 'collision',
       p.effective_date + 1, 'TX', p.effective_date + interval '2 days', 'insured', 'Rear-ended at a light.', 500,
       CASE p.n % 40 WHEN 0 THEN NULL ELSE now() END
FROM (SELECT id, effective_date, row_number() OVER (ORDER BY id) AS n FROM policies) AS p;

INSERT INTO users (email, display_name, user_type, status, locked_until)
SELECT 'agent' || n || '@example.com', 'Agent', 'agent', CASE n % 100 WHEN 0 THEN 'locked' ELSE 'invited' END,
       CASE n % 100 WHEN 0 THEN now() - interval '1 minute' * n END
FROM generate_series(1, 3000) AS n;

INSERT INTO quotes (quote_number, customer_id, product, state, postal_code, channel, status, requested_effective_date,
                    vehicle_info, premium, expires_at)
SELECT 'Q' || lpad(n::text, 10, '0'), c.id, CASE WHEN n % 3 = 0 THEN 'home' ELSE 'auto' END, 'TX', '78701', 'web',
       CASE n % 20 WHEN 0 THEN 'offered' ELSE 'expired' END, current_date + 1,
       CASE WHEN n % 3 <> 0 THEN jsonb_build_object('vehicles', jsonb_build_array(
           jsonb_build_object('make', 'Make' || n % 40, 'model', 'Model' || n % 700, 'year', 2000 + n % 25))) END,
       600, now() + interval '1 day' * (1 + n % 30)
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM customers) AS c;

INSERT INTO rate_tables (state, product, coverage, effective_date, expiration_date, base_rate, minimum_premium,
                         filing_number)
SELECT state, 'auto', coverage, DATE '2020-01-01' + q * 91, DATE '2020-01-01' + q * 91 + 91, 300 + q, 50,
       'BNCH-000000001'
FROM unnest('{TX,CA,NY,FL,OH,PA,IL,GA,NC,MI}'::text[]) AS state,
     unnest('{collision,comprehensive,bodily_injury,property_damage}'::text[]) AS coverage,
     generate_series(0, 39) AS q;

INSERT INTO websocket_connections (user_id, node, client_type, ip_address, connected_at, last_heartbeat_at,
                                   disconnected_at, disconnect_reason)
SELECT u.id, 'gw-' || n % 61 || '.example', 'web', '192.0.2.1', now() - interval '1 minute' * n,
       now() - interval '1 minute' * n, CASE WHEN n % 7 <> 0 THEN now() END,
       CASE WHEN n % 7 <> 0 THEN 'client_closed' END
FROM generate_series(1, 6000) AS n
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM users) AS u ON u.place = 1 + n % 3000;

INSERT INTO notifications (user_id, channel, template, status, attempts, scheduled_at, sent_at, delivered_at, read_at)
SELECT u.id, CASE WHEN n % 2 = 0 THEN 'in_app' ELSE 'email' END, 'renewal_due',
       CASE WHEN n % 20 = 0 THEN 'pending' WHEN n % 20 = 2 THEN 'sent' ELSE 'read' END,
       CASE WHEN n % 20 = 0 THEN 0 ELSE 1 END, now() - interval '1 minute' * n,
       CASE WHEN n % 20 <> 0 THEN now() - interval '1 minute' * n END,
       CASE WHEN n % 20 NOT IN (0, 2) THEN now() END, CASE WHEN n % 20 NOT IN (0, 2) THEN now() END
FROM generate_series(1, 20000) AS n
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM users) AS u ON u.place = 1 + n % 3000;

-- Six months of entries, so that a question about one month can leave the others alone.
SELECT ensure_audit_partitions(0, 5);
INSERT INTO audit_logs (created_at, actor_user_id, action, entity_type, entity_id)
SELECT now() - interval '20 minutes' * n, 1 + n % 200, 'read', 'policy', (n % 900)::text
FROM generate_series(1, 10000) AS n;
