import '../pages/page.css';
import '../pages/thai-font.ts';
import './dev-app.ts';
