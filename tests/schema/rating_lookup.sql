SELECT id, base_rate, minimum_premium, effective_date, expiration_date
FROM rate_tables
WHERE state = $1 AND product = $2 AND coverage = $3
  AND effective_date <= $4 AND (expiration_date IS NULL OR expiration_date > $4)
ORDER BY effective_date DESC
LIMIT 1
